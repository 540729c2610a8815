"""Standard output and error that may be closed, full, or without a reader, and stop nothing.

What informs must not hold up what must happen: log lines are written by a thread of their own, and
a line that cannot be written is dropped. Results are written at once, and once their reader is
gone, nowhere.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import io
import logging
import os
import queue
import select
import sys
import threading
import time

OUTPUT, ERROR = 1, 2  # file descriptors
MOST_PENDING = 10_000  # pieces of text that wait to be written; of more, the oldest are dropped
DRAIN_SECONDS = 10.0  # for what is pending when the process ends, while some of it is written
HURRY_SECONDS = 1.0  # the same without progress, or where the process must end at once
_CLEAR = b"\r\x1b[K"  # a terminal's line


def reserve() -> None:
    """Opens standard streams that are closed: no other file must take their place.

    Call it before any file is opened.
    """
    for number in (0, OUTPUT, ERROR):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def install(handler: logging.StreamHandler) -> None:
    """Replaces `sys.stdout`, `sys.stderr` and the stream of a handler of log lines.

    Call it once, before anything is written.
    """
    sys.stdout = Results()
    sys.stderr = Log()
    handler.setStream(sys.stderr)
    atexit.register(drain)


class ForPeople(logging.Formatter):
    """Log lines as a person reads them: when, and what."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        level = "warning: " if record.levelno >= logging.WARNING else ""
        return f"{time.strftime('%H:%M:%S')} {level}{record.getMessage()}"


def drain(seconds: float = DRAIN_SECONDS) -> None:
    """Waits for log lines to be written, before the process ends; not if nobody takes them."""
    if isinstance(sys.stderr, Log):
        sys.stderr.drain(seconds)


def show_status(text: str) -> None:
    """Shows a line below all log lines, in place of the last such line; an empty one removes it.

    Only for a terminal.
    """
    if isinstance(sys.stderr, Log):
        sys.stderr.show_status(text)


def write_log_to(descriptor: int) -> None:
    """Has the log written there from its next piece on, while standard error is something else."""
    if isinstance(sys.stderr, Log):
        sys.stderr.descriptor = descriptor


def _write(descriptor: int, content: bytes) -> None:
    """Writes all of it, also where others have made the descriptor non-blocking.

    Raises:
      OSError: as the system says.
    """
    while content:
        try:
            content = content[os.write(descriptor, content) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


class Results(io.TextIOBase):
    """Standard output: written at once, until its reader is gone."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """Writes all of it.

        Raises:
          OSError: the device is full, or fails.
        """
        try:
            _write(OUTPUT, text.encode(errors="backslashreplace"))
        except OSError as error:
            hung_up = error.errno == errno.EIO and self.isatty()
            if not (isinstance(error, BrokenPipeError) or hung_up):
                raise
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), OUTPUT)
        return len(text)

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The file descriptor."""
        return OUTPUT

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return os.isatty(OUTPUT)


class _Status:
    """Stands for the line that stays below what is written after it."""


class Log(io.TextIOBase):
    """Standard error: written by a thread, so that no writer waits for a reader or a device."""

    encoding = "utf-8"

    def __init__(self) -> None:
        # Of all queues the one that a finalizer may use while its thread is in it.
        self._pending: queue.SimpleQueue[bytes | _Status] = queue.SimpleQueue()
        self._written = 0  # pieces
        self.descriptor = ERROR
        self._is_writing = False
        self._status = b""  # as it is to be shown
        self._status_is_pending = False
        threading.Thread(target=self._write_pending, name="log", daemon=True).start()

    def write(self, text: str) -> int:
        """Has it written."""
        if self._pending.qsize() >= MOST_PENDING:
            with contextlib.suppress(queue.Empty):
                if isinstance(self._pending.get_nowait(), _Status):
                    self._status_is_pending = False
        self._pending.put(text.encode(errors="backslashreplace"))
        return len(text)

    def show_status(self, text: str) -> None:
        """Has it shown below all lines, in place of the last one."""
        self._status = text.encode(errors="backslashreplace")
        if not self._status_is_pending:  # else the one that is pending shows this
            self._status_is_pending = True
            self._pending.put(_Status())

    def drain(self, seconds: float) -> None:
        """Returns once nothing is pending, after so many seconds, or when nothing moves."""
        if self._status:
            self.show_status("")
        deadline = time.monotonic() + seconds
        written, patience = self._written, time.monotonic() + HURRY_SECONDS
        while not self._pending.empty() or self._is_writing:
            if self._written != written:
                written, patience = self._written, time.monotonic() + HURRY_SECONDS
            if time.monotonic() > min(deadline, patience):
                return
            time.sleep(0.005)

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The file descriptor."""
        return ERROR

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return os.isatty(ERROR)

    def _write_pending(self) -> None:
        status = b""
        while True:
            self._is_writing = False
            pending = self._pending.get()
            self._is_writing = True
            if isinstance(pending, _Status):
                self._status_is_pending = False
                status = self._status
                content = _CLEAR + status
            else:
                content = _CLEAR + pending + status if status else pending
            with contextlib.suppress(OSError):  # no reader, a full device: nobody can be told
                _write(self.descriptor, content)
            self._written += 1
