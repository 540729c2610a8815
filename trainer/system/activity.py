"""What this process is busy with: on a terminal in its last line, else logged after a silence.

A worker that waits for another, or for a graph to be traced, says so, and a command that takes
minutes says how far it is. A thread speaks, so nothing waits for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from trainer.system import streams

log = logging.getLogger(__name__)

SILENCE_SECONDS = 25.0  # with a pause below, a line at least every 30 seconds
PAUSE_SECONDS = 1.0
REFRESH_SECONDS = 0.5  # of a terminal's last line
NOTEWORTHY_SECONDS = 3.0  # that something must have lasted, for its time to be told

Item = TypeVar("Item")
Gauge = Callable[[int, str], str]  # (columns, what this process is busy with) -> a line


@dataclass(frozen=True)
class _Activity:
    what: str
    how_far: str
    since: float

    def __str__(self) -> str:
        return f"{self.what}, {self.how_far}" if self.how_far else self.what

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since


_current = _Activity("starting", "", time.monotonic())
_began = threading.Event()  # something, of which a terminal's last line does not know yet
_gauge: Gauge | None = None


def now(what: str) -> None:
    """Says what this process begins with; nothing: it waits, and that is no news."""
    global _current
    _current = _Activity(what, "", time.monotonic())
    _began.set()


def part(how_far: str) -> None:
    """Says with which part of it this process is busy now."""
    global _current
    _current = replace(_current, how_far=how_far)


def each(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Hands on the items of such a part, and says how far it is; of a single one it cannot."""
    for number, item in enumerate(items):
        part(f"{what} {number / len(items):.0%}" if len(items) > 1 else what)
        yield item
    part("")


def use_gauge(gauge: Gauge | None) -> None:
    """Has a terminal's last line made by this function, instead of the activity alone."""
    global _gauge
    _gauge = gauge


@contextlib.contextmanager
def reported(silence_seconds: float = SILENCE_SECONDS) -> Iterator[None]:
    """Within, what this process does is shown, or logged when nothing else was for so long."""
    now("starting")
    done = threading.Event()
    last_line = _LastLine()
    of_all = logging.getLogger("trainer")
    of_all.addHandler(last_line)
    if sys.stderr.isatty():  # which shows it all the time
        thread = threading.Thread(target=_show, args=(done,), name="activity", daemon=True)
    else:
        arguments = (done, last_line, silence_seconds)
        thread = threading.Thread(target=_tell, args=arguments, name="activity", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        _began.set()
        of_all.removeHandler(last_line)
        thread.join()


class _LastLine(logging.Handler):
    """Knows when the last line was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.when = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Takes the time."""
        self.when = time.monotonic()


def _tell(done: threading.Event, last_line: _LastLine, silence_seconds: float) -> None:
    while not done.wait(min(PAUSE_SECONDS, silence_seconds)):
        is_long = _current.seconds >= min(silence_seconds, NOTEWORTHY_SECONDS)
        is_silent = time.monotonic() - last_line.when >= silence_seconds
        if _current.what and is_long and is_silent:
            log.info("%s, for %.0f s", _current, _current.seconds)


def _show(done: threading.Event) -> None:
    while not done.is_set():
        _began.wait(REFRESH_SECONDS)  # what is done sooner is seen, too
        _began.clear()
        columns = _columns()
        streams.show_status(_line(columns)[: columns - 1])
    streams.show_status("")


def _line(columns: int) -> str:
    seconds = _current.seconds
    long = _current.what and seconds >= NOTEWORTHY_SECONDS
    activity = f"{_current}, {seconds:.0f} s" if long else str(_current)
    return _gauge(columns, activity) if _gauge else activity


def _columns() -> int:
    try:
        return os.get_terminal_size(streams.ERROR).columns or shutil.get_terminal_size().columns
    except OSError:
        return shutil.get_terminal_size().columns
