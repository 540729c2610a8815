"""Workers exchange heartbeats while they train, each with the chief.

A worker that loses the chief leaves, and so does the chief when it loses a worker, which ends all
others. Threads send and hear the heartbeats, so a worker that traces a graph, draws, or waits for
storage counts as alive; one that was stopped or killed does not. The connections are those by
which the workers have met.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator

from trainer.distribution import rendezvous
from trainer.distribution.cluster_spec import Worker
from trainer.distribution.rendezvous import BEAT_SECONDS, SILENCE_SECONDS
from trainer.system import signals
from trainer.system.exits import InterruptedRun, StoppedByAgreement

# A refusal ends all workers, each with its own exit code: who sees another end waits so long, so
# that it does not exit with "lost a peer" instead.
LINGER_SECONDS = 3.0
# One that was asked to stop says so with each beat, for the others to leave what only informs.
_BEAT, _STOPPING, _FAREWELL = b".", b"s", b"!"

Links = dict[str, socket.socket]  # by the peers' names
Leave = Callable[[str], object]  # ends this process, for the reason that is given


@contextlib.contextmanager
def connected(
    worker: Worker, timeout_seconds: float, leave: Leave = signals.exit_now
) -> Iterator[None]:
    """Waits for the other workers; within, this process leaves when one of them is lost.

    Args:
      worker: this one.
      timeout_seconds: how long the others are waited for.
      leave: called in a thread, with the reason, when one is lost.

    Raises:
      InterruptedRun: not all of them came in time.
    """
    try:
        links = rendezvous.others(worker, time.monotonic() + timeout_seconds)
    except TimeoutError as error:
        raise InterruptedRun(
            f"{error} did not appear within {timeout_seconds:.0f} s: run the same command again"
        ) from error
    with _exchanging_heartbeats(links, leave):
        yield


@contextlib.contextmanager
def _exchanging_heartbeats(links: Links, leave: Leave) -> Iterator[None]:
    done = threading.Event()
    for link in links.values():
        link.settimeout(SILENCE_SECONDS)

    def beat() -> None:
        while not done.wait(BEAT_SECONDS):
            _send(links, _STOPPING if signals.stop_requested() else _BEAT)

    def watch() -> None:
        if lost := _first_lost(links):
            time.sleep(LINGER_SECONDS)
            leave(lost)

    for task in (beat, watch):
        threading.Thread(target=task, name="heartbeats", daemon=True).start()
    # No farewell after an error: the others must not wait for this process.
    try:
        yield
    except StoppedByAgreement:
        _say_farewell(done, links)
        raise
    _say_farewell(done, links)


def _first_lost(links: Links) -> str | None:
    """Listens until a peer is lost, and says which and how; None once all have said farewell."""
    silent = dict.fromkeys(links, 0.0)  # seconds
    before = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for peer, link in links.items():
            selector.register(link, selectors.EVENT_READ, peer)
        while silent:
            for key, _ in selector.select(BEAT_SECONDS):
                received = b""
                with contextlib.suppress(OSError):
                    received = links[key.data].recv(64)
                if not received:
                    return f"lost {key.data} (its connection has ended)"
                silent[key.data] = 0.0
                if _STOPPING in received:
                    signals.another_stops()
                if _FAREWELL in received:
                    selector.unregister(key.fileobj)
                    del silent[key.data]
            # Who was frozen itself, or held up while TensorFlow joins the group, has heard nobody.
            awake = min(time.monotonic() - before, 2 * BEAT_SECONDS)
            before = time.monotonic()
            for peer in silent:
                silent[peer] += awake
                if silent[peer] > SILENCE_SECONDS:
                    return f"lost {peer} (no sign of life for {SILENCE_SECONDS:.0f} s)"
    return None


def _say_farewell(done: threading.Event, links: Links) -> None:
    done.set()
    _send(links, _FAREWELL)


def _send(links: Links, what: bytes) -> None:
    """Sends a heartbeat or the farewell; who is lost is noticed by listening."""
    for link in links.values():
        with contextlib.suppress(OSError):
            link.sendall(what)
