"""Workers wait for each other before they train, and exchange heartbeats while they do.

Each worker keeps a connection to the chief. A worker that loses the chief exits, and so does the
chief when it loses a worker, which ends all others. Threads send the heartbeats, so a worker that
traces a graph, draws, or waits for storage counts as alive; one that was stopped or killed does
not.

They connect to the chief's address before TensorFlow listens there: TensorFlow would wait for ever
for a worker that does not come, and cannot be interrupted.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
import zlib
from collections.abc import Iterator

from trainer.distribution.cluster_spec import Worker
from trainer.system import signals
from trainer.system.exits import InterruptedRun, RefusedError, StoppedByAgreement

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
SILENCE_SECONDS = 30.0  # then a worker counts as frozen
# A refusal ends all workers, each with its own exit code: who sees another end waits so long, so
# that it does not exit with "lost a peer" instead.
LINGER_SECONDS = 3.0
LOG_SECONDS = 30.0  # between two log lines about missing workers
PORT_SECONDS = 10.0  # for which another process may still hold the chief's port
_BEAT, _WELCOME, _FAREWELL = b".", b"+", b"!"


@contextlib.contextmanager
def connected(worker: Worker, timeout_seconds: float) -> Iterator[None]:
    """Waits for the other workers; within, this process exits when one of them is lost.

    Raises:
      InterruptedRun: not all of them came in time.
    """
    deadline = time.monotonic() + timeout_seconds
    try:
        connect = _accept_workers if worker.is_chief else _connect_to_chief
        connections = connect(worker, deadline)
    except TimeoutError as error:
        raise InterruptedRun(
            f"{error} did not appear within {timeout_seconds:.0f} s: run the same command again"
        ) from error
    with _exchanging_heartbeats(
        [_Link(connection, peer) for peer, connection in connections.items()]
    ):
        yield


def _accept_workers(worker: Worker, deadline: float) -> dict[str, socket.socket]:
    """The chief's connections to all others, once all are there."""
    connections: dict[int, socket.socket] = {}
    expected = range(1, len(worker.addresses))
    with _listening(int(worker.addresses[0].rpartition(":")[2])) as server:
        while missing := [str(index) for index in expected if index not in connections]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"worker {', '.join(missing)}")
            server.settimeout(max(0.01, min(LOG_SECONDS, deadline - time.monotonic())))
            try:
                connection, _ = server.accept()
            except TimeoutError:
                log.info("waiting for worker %s", ", ".join(missing))
                continue
            index = _read_greeting(connection, worker)
            if index is not None and index in expected:
                connections[index] = connection  # the last counts: it may have been started again
            else:
                connection.close()
    for connection in connections.values():
        _send(connection, _WELCOME)
    return {f"worker {index}": connection for index, connection in connections.items()}


def _listening(port: int) -> socket.socket:
    """A server for all addresses of this machine.

    Raises:
      RefusedError: the port is forbidden, or was not given back by another process in time.
    """
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    patience = time.monotonic() + PORT_SECONDS
    while True:
        try:
            return socket.create_server(("", port), family=family, dualstack_ipv6=dual)
        except OSError as error:
            if time.monotonic() > patience:
                raise RefusedError(
                    f"port {port}, this worker's in TF_CONFIG or TF_PORT, cannot be served "
                    f"({error.strerror}): choose another"
                ) from error
        time.sleep(BEAT_SECONDS)


def _connect_to_chief(worker: Worker, deadline: float) -> dict[str, socket.socket]:
    """A worker's connection to the chief, once all are there."""
    host, _, port = worker.addresses[0].rpartition(":")
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            connection = socket.create_connection((host.strip("[]"), int(port)), BEAT_SECONDS)
            connection.sendall(f"{_cluster_id(worker)} {worker.index}\n".encode())
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            if connection.recv(1) == _WELCOME:
                return {"the chief": connection}
            connection.close()
        time.sleep(BEAT_SECONDS / 4)
    raise TimeoutError("the chief, or another worker,")


def _read_greeting(connection: socket.socket, worker: Worker) -> int | None:
    """The index of the worker that connected; None where it is none of this cluster."""
    connection.settimeout(BEAT_SECONDS)
    with contextlib.suppress(OSError, ValueError):
        cluster, index = connection.makefile("rb").readline(64).split()
        if int(cluster) == _cluster_id(worker):
            return int(index)
    return None


def _cluster_id(worker: Worker) -> int:
    return zlib.crc32(" ".join(worker.addresses).encode())


class _Link:
    """A connection to a peer, on which both send heartbeats until one says farewell."""

    def __init__(self, connection: socket.socket, peer: str) -> None:
        self._connection = connection
        self._peer = peer
        connection.settimeout(SILENCE_SECONDS)

    def send(self, what: bytes) -> None:
        """Sends a heartbeat or the farewell; a lost peer is noticed by `watch`."""
        _send(self._connection, what)

    def watch(self) -> None:
        """Returns when the peer has said farewell; exits the process when it is lost."""
        reason = "is gone"
        try:
            while received := self._connection.recv(64):
                if _FAREWELL in received:
                    return
        except TimeoutError:
            reason = f"gave no sign of life for {SILENCE_SECONDS:.0f} s"
        except OSError:
            pass
        time.sleep(LINGER_SECONDS)
        signals.exit_now(f"{self._peer} {reason}")


def _send(connection: socket.socket, what: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(what)


@contextlib.contextmanager
def _exchanging_heartbeats(links: list[_Link]) -> Iterator[None]:
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_SECONDS):
            for link in links:
                link.send(_BEAT)

    for task in (beat, *(link.watch for link in links)):
        threading.Thread(target=task, name="heartbeats", daemon=True).start()
    # No farewell after an error: the others must not wait for this process.
    try:
        yield
    except StoppedByAgreement:
        _say_farewell(done, links)
        raise
    _say_farewell(done, links)


def _say_farewell(done: threading.Event, links: list[_Link]) -> None:
    done.set()
    for link in links:
        link.send(_FAREWELL)
