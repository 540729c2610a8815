"""Ends a process whose every Python thread is stuck.

TensorFlow joins a cluster in a call that holds Python's global lock and waits for its peers for
ever: no thread, no signal handler of Python runs meanwhile. The timer here belongs to the C
library, which starts a thread of its own when it expires.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import time
from collections.abc import Iterator

from trainer.system import exits

_SIGEV_THREAD = 2


class _Event(ctypes.Structure):
    """`struct sigevent` of Linux: call `function(value)` in a new thread."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("padding", ctypes.c_char * 32),
    )


class _Setting(ctypes.Structure):
    """`struct itimerspec`: intervals, 0 for once, and the time until the first."""

    _fields_ = tuple(
        (name, ctypes.c_long)
        for name in ("interval", "interval_nanoseconds", "first", "first_nanoseconds")
    )


@contextlib.contextmanager
def bounded(seconds: int) -> Iterator[None]:
    """Ends the process with the retryable code, without a word, if the block takes longer.

    On systems other than Linux it does nothing: clusters run on Linux.
    """
    if sys.platform != "linux":
        yield
        return
    library = ctypes.CDLL(None, use_errno=True)
    leave = ctypes.cast(library._exit, ctypes.c_void_p)
    event = _Event(value=exits.INTERRUPTED, notify=_SIGEV_THREAD, function=leave)
    timer = ctypes.c_void_p()
    made = library.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer))
    setting = _Setting(first=seconds)
    if made or library.timer_settime(timer, 0, ctypes.byref(setting), None):
        raise OSError(ctypes.get_errno(), "cannot set a timer")
    try:
        yield
    finally:
        library.timer_delete(timer)
