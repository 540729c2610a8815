"""Rows of an array that may be larger than the memory, and those of steps to come ahead of time."""

from __future__ import annotations

import mmap
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trainer.system.exits import RefusedError

Read = Callable[[np.ndarray], np.ndarray]  # integers [...] to these rows of an array: [..., *row]


def reader(array: np.ndarray) -> Read:
    """How rows of an array are read: of a file that is mapped into memory, from that file.

    Reading says what is wrong with a disk. The same page through the mapping would end the process
    by a signal.

    Raises:
      OSError: the file cannot be opened.
    """
    if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap):  # and no part of one
        return _FileRows(array).read
    return lambda rows: array[rows]


class _FileRows:
    """Rows in a file."""

    def __init__(self, array: np.memmap) -> None:
        self._path, self._offset, self._dtype = str(array.filename), array.offset, array.dtype
        self._shape, self._bytes = array.shape[1:], array[:1].nbytes
        self._file = os.open(self._path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """These rows, as asked for; read in the order in which they lie in the file.

        Raises:
          OSError: with the file's name.
          RefusedError: the file has become shorter.
        """
        found = np.empty((rows.size, *self._shape), self._dtype)
        numbers = rows.ravel()
        if len(numbers) and (np.diff(numbers) == 1).all():
            self._fill(found.data.cast("B"), int(numbers[0]) * self._bytes)
            return found.reshape(*rows.shape, *self._shape)
        for place in np.argsort(numbers):
            self._fill(memoryview(found[place]).cast("B"), int(numbers[place]) * self._bytes)
        return found.reshape(*rows.shape, *self._shape)

    def _fill(self, buffer: memoryview, start: int) -> None:
        done = 0
        while done < len(buffer):
            try:
                count = os.preadv(self._file, [buffer[done:]], self._offset + start + done)
            except OSError as error:
                raise OSError(error.errno, error.strerror, self._path) from error
            if not count:
                raise RefusedError(
                    f"{self._path} has become shorter: remove it, and it will be made again"
                )
            done += count


@dataclass(frozen=True)
class _Known:
    """Rows that have been read."""

    rows: np.ndarray  # int32 [steps, batch]
    content: np.ndarray  # [steps, batch, *row]

    def shared(self, rows: np.ndarray) -> int:
        """How many steps `rows` starts with the same as these."""
        steps = min(len(self.rows), len(rows))
        differs = (self.rows[:steps] != rows[:steps]).any(axis=1)
        return int(differs.argmax()) if differs.any() else steps


class ReadAhead:
    """Reads rows before they are asked for, in a thread, so that the asker need not wait.

    What it has read is taken where it is what is asked for; all else is read then. So it decides
    nothing but the time, and an error of its own is left to who needs what could not be read.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: _Known | None = None
        self._thread: threading.Thread | None = None

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The content of these rows: int32 `[steps, batch]` to `[steps, batch, *row]`.

        Raises:
          OSError: they cannot be read.
          RefusedError: the same.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        known, self._known = self._known, None
        if known is None:
            return self._read(rows)
        shared = known.shared(rows)
        if shared < len(rows):
            return np.concatenate([known.content[:shared], self._read(rows[shared:])])
        self._known = _Known(known.rows[shared:], known.content[shared:])
        return known.content[:shared]

    def start(self, coming: Callable[[], np.ndarray]) -> None:
        """Begins to read what will probably be asked for next, once `take` has returned.

        Args:
          coming: gives its rows, int32 `[steps, batch]`; called in the thread.
        """
        # A daemon: a disk that hangs keeps nobody from saving and leaving.
        self._thread = threading.Thread(
            target=self._run, args=(coming,), name="read ahead", daemon=True
        )
        self._thread.start()

    def _run(self, coming: Callable[[], np.ndarray]) -> None:
        rows, left = coming(), self._known
        shared = left.shared(rows) if left is not None else 0
        try:
            content = self._read(rows[shared:])
        except (OSError, MemoryError, RefusedError):
            return
        if left is not None and shared:
            content = np.concatenate([left.content[:shared], content])
        self._known = _Known(rows, content)
