"""Arrays of decoded pictures, kept where later starts find them again by what they were made of.

They are memory-mapped, so that they may be larger than the memory, and are made in pieces: what a
killed process has made is taken up.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np

from trainer.plurals import counted
from trainer.system import disk, file_system, memory
from trainer.system.exits import InterruptedRun, RefusedError
from trainer.system.intervals import Interval

log = logging.getLogger(__name__)

LOCK_TIMEOUT_SECONDS = 24 * 3600.0  # while another process makes the same array
LINE_SECONDS = 10.0  # between two lines about how far it is
PIECE_BYTES, PIECE_ROWS = 2**25, 512  # at most; photos take a tenth of a second each
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ARRAY, _UNFINISHED, _ROWS = "images.npy", "unfinished.npy", "unfinished-rows"

Make = Callable[[int, int], np.ndarray]  # rows from the first to before the last
Keep = Callable[[int, np.ndarray], None]  # some rows, from the first of them on


def array(cache_dir: Path, name: str, shape: tuple[int, ...], make: Make) -> np.ndarray:
    """The array of that name, memory-mapped; made first unless it is there.

    Where it cannot be kept, it is made in memory if it fits there, with a warning.

    Args:
      cache_dir: the folder of all that is kept.
      name: of the array: a digest of what it is made of.
      shape: of the uint8 array.
      make: gives some of its rows.

    Raises:
      RefusedError: there is room for it nowhere.
      Exception: whatever `make` raises: what it reads is not where its rows are kept.
    """
    entry = cache_dir / "pictures" / name
    found = _mapped(entry / _ARRAY, shape)
    if found is None:
        try:
            found = _kept(entry, shape, make)
        except _NotKept as error:  # a read-only folder, a full disk
            log.warning(
                "data: what is prepared is kept in memory only: %s (choose another --cache_dir)",
                error,
            )
            return _in_memory(shape, make)
    what = counted(len(found), "picture")
    log.info("data: %s prepared in %s (%s)", what, entry, _size(found.nbytes))
    return found


class _NotKept(Exception):
    """The folder cannot be written to."""


@contextlib.contextmanager
def _keeping(*begun: Path) -> Iterator[None]:
    """Errors of the file system within say that nothing is kept; of a full one, nothing is left.

    Args:
      begun: files that are removed then.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:  # what is left would be in the way of a run's own files
            for path in begun:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        raise _NotKept(str(error)) from error


def _kept(entry: Path, shape: tuple[int, ...], make: Make) -> np.ndarray:
    try:
        file_system.make_folder(entry, "cache_dir")
    except RefusedError as error:
        raise _NotKept(str(error)) from error
    unfinished, rows_file = entry / _UNFINISHED, entry / _ROWS
    with contextlib.ExitStack() as stack:
        with _keeping():
            held = file_system.locked(entry, "cache_dir", LOCK_TIMEOUT_SECONDS, busy=InterruptedRun)
            stack.enter_context(held)
            found = _mapped(entry / _ARRAY, shape)  # by another process, in the meantime
            if found is not None:
                return found
            done = _begun(unfinished, rows_file, shape)
            start = np.load(unfinished, mmap_mode="r").offset

        def keep(first: int, rows: np.ndarray) -> None:
            # Written, not mapped: on a disk that fills up, that would end the process by a signal.
            with _keeping(unfinished, rows_file):
                with open(unfinished, "r+b") as file:
                    file.seek(start + first * math.prod(shape[1:]))
                    file.write(np.ascontiguousarray(rows).data)
                    file.flush()
                    os.fsync(file.fileno())
                file_system.write_text(rows_file, str(first + len(rows)))

        _fill(shape, done, make, keep)
        with _keeping():
            unfinished.replace(entry / _ARRAY)
            rows_file.unlink(missing_ok=True)
    found = _mapped(entry / _ARRAY, shape)
    assert found is not None
    return found


def _begun(unfinished: Path, rows_file: Path, shape: tuple[int, ...]) -> int:
    """Makes room for all rows; how many of them a killed process has made already."""
    done = _rows_done(unfinished, rows_file, shape)
    if done:
        log.info("data: %d of %d pictures were already prepared", done, shape[0])
    if disk.free(unfinished.parent) < (shape[0] - done) * math.prod(shape[1:]):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # before minutes are spent
    if not done:
        rows_file.unlink(missing_ok=True)  # of rows that are gone
        np.lib.format.open_memmap(unfinished, "w+", np.uint8, shape)
    return done


def _in_memory(shape: tuple[int, ...], make: Make) -> np.ndarray:
    memory.check_room(math.prod(shape), "make room in --cache_dir, or choose another")
    content = np.empty(shape, np.uint8)

    def keep(first: int, rows: np.ndarray) -> None:
        content[first : first + len(rows)] = rows

    _fill(shape, 0, make, keep)
    return content


def _fill(shape: tuple[int, ...], done: int, make: Make, keep: Keep) -> None:
    total = shape[0]
    piece = min(PIECE_ROWS, max(1, PIECE_BYTES // max(1, math.prod(shape[1:]))))
    started, line = time.monotonic(), Interval(LINE_SECONDS)
    for first in range(done, total, piece):
        last = min(total, first + piece)
        keep(first, make(first, last))
        if line.has_passed():
            speed = (last - done) / (time.monotonic() - started)
            left = timedelta(seconds=round((total - last) / speed))
            log.info("data: %d of %d pictures prepared, %.0f/s, ETA %s", last, total, speed, left)


def _rows_done(unfinished: Path, rows_file: Path, shape: tuple[int, ...]) -> int:
    """How many rows a killed process has made; 0 if none can be used."""
    if _mapped(unfinished, shape) is None:
        return 0
    try:
        return min(shape[0], int(file_system.read_text(rows_file)))
    except (OSError, ValueError):
        return 0


def _mapped(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The array in the file, or None where it is missing, damaged or another."""
    try:
        found = np.load(file_system.regular(path), mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return found if found.shape == shape and found.dtype == np.uint8 else None


def _size(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB" if count >= 2**20 else f"{count / 2**10:,.0f} KiB"
