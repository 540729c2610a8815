"""Ends a process in which all Python threads are blocked.

TensorFlow joins a cluster in a call that holds Python's global interpreter lock and waits for the
other workers without a time limit: no Python thread or signal handler can run meanwhile. The timer
here belongs to the C library, which starts a thread of its own when it expires.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import time
from collections.abc import Iterator

from trainer.system import exits

_SIGEV_THREAD = 2


class _SignalEvent(ctypes.Structure):
    """`struct sigevent` of Linux: call `function(value)` in a new thread."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("padding", ctypes.c_char * 32),
    )


class _TimerSetting(ctypes.Structure):
    """`struct itimerspec`: the interval, 0 for a single expiry, and the time until the first."""

    _fields_ = tuple(
        (name, ctypes.c_long)
        for name in ("interval", "interval_nanoseconds", "first", "first_nanoseconds")
    )


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Ends the process with the retryable code, without a message, if the block takes longer.

    On systems other than Linux it does nothing: clusters run on Linux.
    """
    if sys.platform != "linux":
        yield
        return
    library = ctypes.CDLL(None, use_errno=True)
    exit_function = ctypes.cast(library._exit, ctypes.c_void_p)
    event = _SignalEvent(value=exits.INTERRUPTED, notify=_SIGEV_THREAD, function=exit_function)
    timer = ctypes.c_void_p()
    status = library.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer))
    setting = _TimerSetting(first=seconds)
    if status or library.timer_settime(timer, 0, ctypes.byref(setting), None):
        raise OSError(ctypes.get_errno(), "cannot set a timer")
    try:
        yield
    finally:
        library.timer_delete(timer)
