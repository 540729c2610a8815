"""A process that replaces its program by the same command anew, and keeps its id.

`execve` ends all threads and closes what is marked to be closed. The rest is handed over in an
environment variable: how often it has happened in a row, the pipe with signals that nobody has read
yet, and which files were there before the first start. All others are closed by the new image: not
every library marks its own, and a GPU's driver frees memory with its file.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

VARIABLE = "FASHION_GAN_STARTED_ANEW"


@dataclass(frozen=True)
class Handover:
    """What an image of this process leaves to the next one."""

    pid: int  # of the process: the variable must mean nothing to another one
    restarts_in_a_row: int  # without a step having been made in between
    pipe: tuple[int, int]  # of signals: the end to read from, the end to write to
    given: tuple[int, ...]  # file descriptors that the first image was started with


@dataclass(frozen=True)
class Command:
    """What `execve` takes."""

    path: str
    arguments: list[str]
    environ: dict[str, str]


_environ: Mapping[str, str] = {}  # as it was at the start: TensorFlow's is changed later
_handover: Handover | None = None
_was_restarted = False
_started = time.monotonic()


def take_over() -> Handover:
    """What the image before has left, or what a first one starts with. Call it once, at first."""
    global _environ, _handover, _was_restarted, _started
    _started = time.monotonic()
    left = _parsed(os.environ.pop(VARIABLE, ""))
    _environ = dict(os.environ)
    _was_restarted = left is not None
    opened = _open_files()
    if left is None:
        pipe = os.pipe()
        os.set_blocking(pipe[1], False)
        for end in pipe:
            os.set_inheritable(end, True)
        left = Handover(os.getpid(), 0, pipe, tuple(opened))
    for descriptor in set(opened) - {*left.given, *left.pipe}:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _handover = left
    return left


def was_restarted() -> bool:
    """Whether this process has started itself anew."""
    return _was_restarted


def started() -> float:
    """When this image of the process began, by `time.monotonic`."""
    return _started


def restarts_in_a_row() -> int:
    """How often this process has started itself anew since its last step."""
    return _handover.restarts_in_a_row if _handover else 0


def reset_restarts() -> None:
    """Starts the count again."""
    global _handover
    if _handover and _handover.restarts_in_a_row:
        _handover = replace(_handover, restarts_in_a_row=0)


def restart_command() -> Command | None:
    """How this process is started anew; None where it cannot be."""
    if not (_handover and sys.executable and sys.orig_argv):
        return None
    left = replace(_handover, restarts_in_a_row=_handover.restarts_in_a_row + 1)
    environ = {**_environ, VARIABLE: json.dumps(asdict(left))}
    return Command(sys.executable, sys.orig_argv, environ)


def _parsed(text: str) -> Handover | None:
    try:
        left = Handover(**json.loads(text))
        if left.pid != os.getpid():
            return None
        read_end, write_end = left.pipe
        for end in (read_end, write_end):
            os.fstat(end)
        return replace(left, pipe=(read_end, write_end), given=tuple(left.given))
    except (ValueError, TypeError, OSError):
        return None


def _open_files() -> list[int]:
    """File descriptors but for the standard streams'; none where the system does not list them."""
    found = []
    with contextlib.suppress(OSError):
        for number in [int(path.name) for path in Path("/dev/fd").iterdir()]:
            with contextlib.suppress(OSError):  # the listing's own is closed again
                os.fstat(number)
                found += [number] if number > 2 else []
    return found
