"""What this process is busy with, logged where it has been silent for a while.

A worker that waits for another, or for a graph to be traced, says so. A thread speaks, so nothing
waits for it. On a terminal the progress bar shows that the run is alive.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Iterator

log = logging.getLogger(__name__)

SILENCE_SECONDS = 25.0  # with a pause below, a line at least every 30 seconds
PAUSE_SECONDS = 1.0

_current = ("starting", time.monotonic())  # what, and since when


def now(what: str) -> None:
    """Says what this process begins with."""
    global _current
    _current = (what, time.monotonic())


class _LastLine(logging.Handler):
    """Knows when the last line was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.when = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Takes the time."""
        self.when = time.monotonic()


@contextlib.contextmanager
def told(silence_seconds: float = SILENCE_SECONDS) -> Iterator[None]:
    """Within, what this process does is logged when nothing else has been for so long."""
    if sys.stderr.isatty():
        yield
        return
    last_line, done = _LastLine(), threading.Event()
    of_all = logging.getLogger("trainer")

    def tell() -> None:
        while not done.wait(min(PAUSE_SECONDS, silence_seconds)):
            if time.monotonic() - last_line.when >= silence_seconds:
                what, since = _current
                log.info("%s, for %.0f s", what, time.monotonic() - since)

    of_all.addHandler(last_line)
    threading.Thread(target=tell, name="activity", daemon=True).start()
    try:
        yield
    finally:
        done.set()
        of_all.removeHandler(last_line)
