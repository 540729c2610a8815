"""Standard output and error that may be closed, full, or without a reader, and stop nothing.

What informs must not hold up what must happen: log lines are written by a thread of their own, and
a line that cannot be written is dropped. Results are written at once, and once their reader is
gone, nowhere.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import logging
import os
import queue
import sys
import threading
import time

OUTPUT, ERROR = 1, 2  # file descriptors
MOST_PENDING = 10_000  # pieces of text that wait to be written; more are dropped
DRAIN_SECONDS = 1.0  # for what is pending when the process ends


def install(handler: logging.StreamHandler) -> None:
    """Replaces `sys.stdout`, `sys.stderr` and the stream of a handler of log lines.

    Call it once, before anything is written.
    """
    for number in (0, OUTPUT, ERROR):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file that is opened must not take its place
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = Results()
    sys.stderr = Log()
    handler.setStream(sys.stderr)
    atexit.register(drain)


def drain() -> None:
    """Waits a moment for log lines to be written, before the process ends."""
    if isinstance(sys.stderr, Log):
        sys.stderr.drain()


class Results(io.TextIOBase):
    """Standard output: written at once, until its reader is gone."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """Writes all of it.

        Raises:
          OSError: the device is full, or fails.
        """
        content = text.encode(errors="backslashreplace")
        try:
            while content:
                content = content[os.write(OUTPUT, content) :]
        except BrokenPipeError:
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


class Log(io.TextIOBase):
    """Standard error: written by a thread, so that no writer waits for a reader or a device."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._pending: queue.Queue[bytes] = queue.Queue(MOST_PENDING)
        threading.Thread(target=self._write_pending, name="log", daemon=True).start()

    def write(self, text: str) -> int:
        """Has it written; drops it if too much is pending."""
        with contextlib.suppress(queue.Full):
            self._pending.put_nowait(text.encode(errors="backslashreplace"))
        return len(text)

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Returns once nothing is pending, or after so many seconds."""
        deadline = time.monotonic() + seconds
        while self._pending.unfinished_tasks and time.monotonic() < deadline:
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
        while True:
            content = self._pending.get()
            with contextlib.suppress(OSError):  # no reader, a full device: nobody can be told
                while content:
                    content = content[os.write(ERROR, content) :]
            self._pending.task_done()
