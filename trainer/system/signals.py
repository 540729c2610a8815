"""SIGTERM, SIGINT and SIGHUP: a request that the training loop reads, or an immediate exit.

Python runs its signal handlers in the main thread between two bytecodes, so a handler is delayed
by a running call into TensorFlow. A thread that reads from `signal.set_wakeup_fd` is not.
The files on disk are always complete, even after `kill -9`, so an immediate exit is always
allowed; a graceful one only saves the steps since the last checkpoint. Whatever a signal asks for
is done before it is reported, and a report that cannot be written stops nothing (see `streams`).

PID 1 of a container gets no signal that it has no handler for: `install` comes before all imports
that take time.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from trainer.system import exits, process_image, streams, unfinished

# Cluster jobs are killed after 120 seconds, and a killed pod counts as a crash.
GRACE_SECONDS = 110.0
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_stop_requested = threading.Event()
_requested_at = 0.0  # by `time.monotonic`, once it is
_another_stops = threading.Event()  # another worker was asked to
_in_graceful_block = threading.Event()
_answer = ""  # to a signal in a graceful block, for people
_reading = threading.Lock()  # held while a signal is read and acted on
_ignored: set[signal.Signals] = set()  # at the start of the process, as `nohup` does

Value = TypeVar("Value")


class Stopped(Exception):
    """Something that informs is left, for a signal asks the run to save and exit."""


def install() -> None:
    """Handles signals, also those that came while the process started itself anew.

    Call once, in the main thread, first of all.
    """
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        _ignored.add(signal.SIGHUP)
    read_end, write_end = process_image.take_over().pipe
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    install_handlers()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    threading.Thread(target=_watch, args=(read_end,), name="interrupts", daemon=True).start()


def install_handlers() -> None:
    """Sets the handlers, again after a library has replaced them."""
    for number in set(HANDLED) - _ignored:
        # The wakeup pipe needs a handler, and PID 1 ignores signals without one.
        signal.signal(number, lambda *_: None)


def stop_requested() -> bool:
    """Whether a signal has asked the run to save and exit."""
    return _stop_requested.is_set()


def stop_requested_at() -> float | None:
    """When that was, by `time.monotonic`; None: it was not."""
    return _requested_at if stop_requested() else None


def another_stops() -> None:
    """Another worker was asked to stop, and waits until this process agrees to."""
    _another_stops.set()


def until_stopped(values: Iterable[Value]) -> Iterator[Value]:
    """The same values, as long as no signal asks the run to save and exit.

    Raises:
      Stopped: one does, here or at another worker.
    """
    for value in values:
        check_not_stopped()
        yield value


def check_not_stopped() -> None:
    """Leaves something that informs, which takes long, once a signal asks the run to exit.

    Raises:
      Stopped: one does, here or at another worker.
    """
    if stop_requested() or _another_stops.is_set():
        raise Stopped


@contextmanager
def graceful(answer: str = "finishing the loop in flight and saving") -> Iterator[None]:
    """Inside, the first signal only makes `stop_requested` true; outside, it ends the process.

    Args:
      answer: what is done then, for people.
    """
    global _answer
    _answer = answer
    _in_graceful_block.set()
    try:
        yield
    finally:
        _in_graceful_block.clear()


@contextmanager
def unread() -> Iterator[None]:
    """Inside, no signal is read: one that comes stays in the pipe, for the next image to read."""
    with _reading:
        yield


def ignore() -> None:
    """Ignores further signals, so that the process ends with the exit code it has chosen."""
    for number in HANDLED:
        signal.signal(number, signal.SIG_IGN)


def _watch(pipe: int) -> None:
    """Reads signal numbers from the pipe until the process ends."""
    deadline: float | None = None
    while True:
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([pipe], [], [], timeout)[0]:
            exit_now(f"not stopped within {GRACE_SECONDS:.0f} s of the signal")
        with _reading:
            number = os.read(pipe, 1)[0]
            if number in HANDLED:
                _act_on(signal.Signals(number))
        if deadline is None and _stop_requested.is_set():
            deadline = time.monotonic() + GRACE_SECONDS


def _act_on(number: signal.Signals) -> None:
    if _stop_requested.is_set() and number == signal.SIGINT:
        exit_now("second interrupt")
    if not _in_graceful_block.is_set():
        exit_now(f"{number.name} outside the training loop")
    if not _stop_requested.is_set():
        global _requested_at
        _requested_at = time.monotonic()
        _stop_requested.set()
        sys.stderr.write(f"fashion-gan: {number.name}: {_answer}\n")


def exit_now(reason: str) -> NoReturn:
    """Ends the process, from any thread, with the exit code of a run that can be resumed."""
    message = f"{reason}: leaving at once; what is on disk is intact, run the same command again"
    try:
        sys.stderr.write(f"fashion-gan: {message}\n")
        streams.drain(streams.HURRY_SECONDS)
        # In a thread, for storage may hang, and this leave for that. The next start removes it.
        removal = threading.Thread(target=unfinished.remove_written, daemon=True)
        removal.start()
        removal.join(streams.HURRY_SECONDS)
    finally:
        os._exit(exits.INTERRUPTED)


def leave(code: int) -> NoReturn:
    """Ends the process in an orderly way, but without waiting for threads that still compute."""
    try:
        streams.drain(streams.HURRY_SECONDS)
    finally:
        os._exit(code)
