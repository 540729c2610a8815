"""SIGTERM and SIGINT: a request that the training loop reads, or an immediate end.

Python runs its signal handlers in the main thread between two bytecodes, so a handler waits
for as long as a call into TensorFlow lasts. A thread that reads `signal.set_wakeup_fd` does not.
Everything on disk is safe against `kill -9`, therefore leaving at once is always allowed; the
graceful way only saves the steps since the last checkpoint.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from trainer.system import exits

# Cluster jobs grant 120 seconds, after which they kill, and a killed pod counts as a crash.
GRACE_SECONDS = 110.0


_stop = threading.Event()
_in_grace = threading.Event()


def install() -> None:
    """Takes over SIGTERM and SIGINT. Call once, in the main thread, before TensorFlow's import."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    take_over()
    threading.Thread(target=_watch, args=(read_end,), name="interrupts", daemon=True).start()


def take_over() -> None:
    """Makes SIGTERM and SIGINT ours, also after a library has made them its own."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # A handler must exist, also for PID 1, to whom the default action does not apply.
        signal.signal(number, lambda *_: None)


def requested() -> bool:
    """Whether the run was asked to save and leave."""
    return _stop.is_set()


@contextmanager
def graceful() -> Iterator[None]:
    """Inside, the first signal only makes `requested` true; outside, it ends the process."""
    _in_grace.set()
    try:
        yield
    finally:
        _in_grace.clear()


def ignore() -> None:
    """Lets the process end with the exit code that is decided, whatever signal comes now."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _watch(signals: int) -> None:
    """Reads signal numbers from the pipe `signals` for as long as the process lives."""
    deadline: float | None = None
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([signals], [], [], left)[0]:
            leave(f"not stopped within {GRACE_SECONDS:.0f} s of the signal")
        number = os.read(signals, 1)[0]
        if number not in (signal.SIGTERM, signal.SIGINT):
            continue
        name = signal.Signals(number).name
        if _stop.is_set() and number == signal.SIGINT:
            leave("second interrupt")
        if not _in_grace.is_set():
            leave(f"{name} outside the training loop")
        if deadline is None:
            deadline = time.monotonic() + GRACE_SECONDS
            _say(f"{name}: finishing the loop in flight and saving")
        _stop.set()


def _say(text: str) -> None:
    os.write(2, f"fashion-gan: {text}\n".encode())


def leave(reason: str) -> NoReturn:
    """Ends the process, from whatever thread, with the code that asks to be run again."""
    _say(f"{reason}: leaving at once; what is on disk is whole, run the same command again")
    os._exit(exits.INTERRUPTED)
