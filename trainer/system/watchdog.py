"""Ends a process in which all Python threads are blocked, or starts it anew.

TensorFlow joins a cluster in a call that holds Python's global interpreter lock and waits for the
other workers without a time limit: no Python thread or signal handler can run meanwhile. The timers
here belong to the C library, which starts a thread of its own when one expires. It calls functions
of one argument only; `setcontext` is one, and goes on with a call that was prepared before, of any
function.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator

from trainer.system import exits, signals
from trainer.system.process_image import Command

_SIGEV_THREAD = 2
_CONTEXT_BYTES = 2**14  # more than `ucontext_t` takes on any kind of processor
_STACK_BYTES = 2**16


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


class _Context(ctypes.Structure):
    """`ucontext_t` of Linux: what is known of it, and room for the rest and for a stack."""

    _fields_ = (
        ("flags", ctypes.c_ulong),
        ("link", ctypes.c_void_p),
        ("stack", ctypes.c_void_p),
        ("stack_flags", ctypes.c_int),
        ("stack_bytes", ctypes.c_size_t),
        ("rest", ctypes.c_char * _CONTEXT_BYTES),
        ("own_stack", ctypes.c_char * _STACK_BYTES),
    )


@contextlib.contextmanager
def time_limit(seconds: int, what: str, command: Command | None = None) -> Iterator[None]:
    """Ends the process with the retryable code if the block takes longer, or starts it anew.

    On systems other than Linux it does nothing: clusters run on Linux.

    Args:
      seconds: the limit.
      what: is said then, unless nobody takes it: a second later the process ends in any case.
      command: the one to start anew; None: the process ends.
    """
    if sys.platform != "linux":
        yield
        return
    library = ctypes.CDLL(None, use_errno=True)
    line = f"fashion-gan: {what}\n".encode(errors="replace")
    wait = _call(library, "pause")
    say = _call(library, "write", 2, line, len(line), then=wait)
    end = _call(library, "_exit", exits.INTERRUPTED)
    if command is not None:
        end = _execution(library, command, end)
    with _timer(library, seconds, say), _timer(library, seconds + 1, end):
        yield


def _execution(library: ctypes.CDLL, command: Command, otherwise: _Context) -> _Context:
    """The call of `execve`, with signals blocked until the new image has its handlers."""
    arguments = [os.fsencode(argument) for argument in command.arguments]
    environ = [os.fsencode(f"{name}={value}") for name, value in command.environ.items()]
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, signals.HANDLED)
    try:
        return _call(
            library,
            "execve",
            os.fsencode(command.path),
            (ctypes.c_char_p * (len(arguments) + 1))(*arguments),
            (ctypes.c_char_p * (len(environ) + 1))(*environ),
            then=otherwise,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _call(
    library: ctypes.CDLL,
    name: str,
    *arguments: int | bytes | ctypes.Array,
    then: _Context | None = None,
) -> _Context:
    """A call of a function of the C library for `setcontext`, in the present signal mask."""
    context = _Context()
    if library.getcontext(ctypes.byref(context)):
        raise OSError(ctypes.get_errno(), "cannot prepare a call")
    kept = [ctypes.c_char_p(each) if isinstance(each, bytes) else each for each in arguments]
    values = [
        ctypes.c_long(each) if isinstance(each, int) else ctypes.cast(each, ctypes.c_void_p)
        for each in kept
    ]
    context.link = None if then is None else ctypes.addressof(then)
    context.stack = ctypes.addressof(context) + _Context.own_stack.offset
    context.stack_bytes = _STACK_BYTES
    function = ctypes.cast(getattr(library, name), ctypes.c_void_p)
    library.makecontext(ctypes.byref(context), function, len(values), *values)
    context.kept = (kept, then)  # what it points to
    return context


@contextlib.contextmanager
def _timer(library: ctypes.CDLL, seconds: int, context: _Context) -> Iterator[None]:
    """Goes on with the context after so many seconds, unless the block has ended."""
    function = ctypes.cast(library.setcontext, ctypes.c_void_p)
    value = ctypes.addressof(context)
    event = _SignalEvent(value=value, notify=_SIGEV_THREAD, function=function)
    timer = ctypes.c_void_p()
    status = library.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer))
    setting = _TimerSetting(first=seconds)
    if status or library.timer_settime(timer, 0, ctypes.byref(setting), None):
        raise OSError(ctypes.get_errno(), "cannot set a timer")
    try:
        yield
    finally:
        library.timer_delete(timer)
