"""Workers wait for each other at the chief's address, before TensorFlow listens there.

TensorFlow would wait for ever for a worker that does not come, and cannot be interrupted. Here the
chief tells those who are there, once a second, who is missing: a worker that hears nothing more
comes again, and one that goes away while others are waited for is waited for, too.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import time
import zlib
from collections.abc import Iterable, Sequence

from trainer.distribution.cluster_spec import Worker
from trainer.system.exits import RefusedError
from trainer.system.intervals import Interval

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
SILENCE_SECONDS = 30.0  # then a peer counts as frozen
LOG_SECONDS = 20.0  # between two log lines about missing workers
PORT_SECONDS = 10.0  # for which another process may still hold the chief's port
RETRY_SECONDS = 0.25
_MISSING, _WELCOME = b"?", b"+"  # lines of the chief; the first goes on with who is missing
_MOST_NAMED = 8  # of the missing: what the chief sends must not grow with the square of the workers
_MOST_BYTES = 4096  # of a line


def others(worker: Worker, deadline: float) -> dict[str, socket.socket]:
    """Connections from the chief to all others, or from another worker to the chief.

    Args:
      worker: this one.
      deadline: of `time.monotonic`.

    Returns:
      The connections by the peers' names, once all workers are there.

    Raises:
      TimeoutError: they are not there in time; the message names who is missing.
      RefusedError: the chief's port cannot be served.
    """
    return _accept_workers(worker, deadline) if worker.is_chief else _find_chief(worker, deadline)


class _Reminder:
    """Logs who is waited for, at intervals."""

    def __init__(self) -> None:
        self._line = Interval(LOG_SECONDS)

    def say(self, missing: str) -> None:
        """Logs it, if it is time again."""
        if self._line.has_passed():
            log.info("waiting for %s", missing)


def _accept_workers(worker: Worker, deadline: float) -> dict[str, socket.socket]:
    everybody, reminder = len(worker.addresses), _Reminder()
    arrived: dict[int, socket.socket] = {}
    port = int(worker.addresses[0].rpartition(":")[2])
    with _listening(port, everybody) as server, selectors.DefaultSelector() as selector:
        server.setblocking(False)
        selector.register(server, selectors.EVENT_READ)
        beat = time.monotonic()
        while missing := [index for index in range(1, everybody) if index not in arrived]:
            if time.monotonic() > deadline:
                raise TimeoutError(_named(missing))
            reminder.say(_named(missing))
            for key, _ in selector.select(max(0.01, min(beat, deadline) - time.monotonic())):
                if key.fileobj is server:
                    with contextlib.suppress(OSError):  # it has gone again
                        connection, _ = server.accept()
                        connection.setblocking(False)
                        selector.register(connection, selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket):
                    _hear(key.fileobj, worker, arrived, selector)
            if time.monotonic() >= beat:
                beat = time.monotonic() + BEAT_SECONDS
                _tell(arrived.values(), _MISSING + _named(missing).encode())
    for connection in arrived.values():
        connection.setblocking(True)
    _tell(arrived.values(), _WELCOME)
    return {f"worker {index}": connection for index, connection in arrived.items()}


def _hear(
    connection: socket.socket,
    worker: Worker,
    arrived: dict[int, socket.socket],
    selector: selectors.BaseSelector,
) -> None:
    """Takes in a greeting. Whoever says something else, or nothing more, is not there."""
    content = b""
    with contextlib.suppress(OSError):
        content = connection.recv(64)
    index = _greeting(content, worker)
    known = connection in arrived.values()
    if index is not None and not known:
        # The last counts: it may have been started again.
        left = arrived.get(index)
        arrived[index] = connection
    else:
        left = connection
        for gone in [index for index, each in arrived.items() if each is connection]:
            del arrived[gone]
            log.info("worker %d has left again", gone)
    if left is not None:
        selector.unregister(left)
        left.close()


def _greeting(content: bytes, worker: Worker) -> int | None:
    """The index of the worker that says so; None where it is none of this cluster."""
    with contextlib.suppress(ValueError):
        cluster, index = map(int, content.split())
        if cluster == _cluster_id(worker) and 0 < index < len(worker.addresses):
            return index
    return None


def _find_chief(worker: Worker, deadline: float) -> dict[str, socket.socket]:
    host, _, port = worker.addresses[0].rpartition(":")
    reminder, missing = _Reminder(), ["the chief"]
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            connection = socket.create_connection((host.strip("[]"), int(port)), BEAT_SECONDS)
            connection.sendall(f"{_cluster_id(worker)} {worker.index}\n".encode())
            if _is_welcomed(connection, deadline, reminder, missing):
                connection.settimeout(None)
                return {"the chief": connection}
            connection.close()
        missing[0] = "the chief"
        reminder.say(f"the chief, at {worker.addresses[0]}")
        time.sleep(RETRY_SECONDS)
    raise TimeoutError(missing[0])


def _is_welcomed(
    connection: socket.socket, deadline: float, reminder: _Reminder, missing: list[str]
) -> bool:
    """Whether all have come; meanwhile it keeps in `missing` who is missing.

    Raises:
      TimeoutError: the deadline, or the chief says nothing more.
      OSError: the chief is gone.
    """
    line = b""
    while len(line) < _MOST_BYTES:
        left = deadline - time.monotonic()
        connection.settimeout(max(0.01, min(SILENCE_SECONDS, left)))
        received = connection.recv(1)  # not more: heartbeats, or a farewell, follow the welcome
        if received != b"\n":
            line += received
            if received and line[:1] in (_MISSING, _WELCOME):
                continue
            return False  # it is gone; or it is TensorFlow's server, of a group that goes on
        if line == _WELCOME:
            return True
        missing[0] = line[1:].decode(errors="replace")
        reminder.say(missing[0])
        line = b""
    return False


def _listening(port: int, backlog: int) -> socket.socket:
    """A server for all addresses of this machine.

    Raises:
      RefusedError: the port is forbidden, or was not given back by another process in time.
    """
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    patience = time.monotonic() + PORT_SECONDS
    while True:
        try:
            return socket.create_server(
                ("", port), family=family, backlog=backlog, dualstack_ipv6=dual
            )
        except OSError as error:
            if time.monotonic() > patience:
                raise RefusedError(
                    f"port {port}, this worker's in TF_CONFIG or TF_PORT, cannot be used "
                    f"({error.strerror}): choose another"
                ) from error
        time.sleep(BEAT_SECONDS)


def _tell(connections: Iterable[socket.socket], line: bytes) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):  # who is gone is noticed where it is listened to
            connection.sendall(line + b"\n")


def _named(workers: Sequence[int]) -> str:
    left_out = len(workers) - _MOST_NAMED
    more = f" and {left_out} more" if left_out > 0 else ""
    return f"worker {', '.join(map(str, workers[:_MOST_NAMED]))}{more}"


def _cluster_id(worker: Worker) -> int:
    return zlib.crc32(" ".join(worker.addresses).encode())
