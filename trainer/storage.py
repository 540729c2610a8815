"""Folders and small files of a run: preflight, lock, atomic writes."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from trainer.exits import RefusedError

# A process that was killed holds its lock until the kernel has taken its memory back.
LOCK_PATIENCE_SECONDS = 10.0
_PARTIAL = ".partial-"


def writable_folder(path: Path, flag: str) -> Path:
    """Makes the folder if need be and returns it.

    Raises:
      RefusedError: it is not a folder, cannot be made, or cannot be written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise RefusedError(
            f"--{flag}={path} cannot be written to ({error.strerror}): choose another folder"
        ) from error


@contextmanager
def exclusive(
    folder: Path, flag: str, patience_seconds: float = LOCK_PATIENCE_SECONDS
) -> Iterator[None]:
    """Holds the folder's lock. The operating system drops it when the process dies.

    Raises:
      RefusedError: another process holds it and did not let go in time.
    """
    with open(folder / ".lock", "a+") as file:
        deadline = time.monotonic() + patience_seconds
        while not _locked(file):
            if time.monotonic() > deadline:
                file.seek(0)
                raise RefusedError(
                    f"--{flag}={folder} is being written by another process "
                    f"({file.read().strip() or 'unknown'}): stop it or choose another folder"
                )
            time.sleep(0.1)
        file.truncate(0)
        file.write(f"pid {os.getpid()} on {os.uname().nodename}\n")
        file.flush()
        yield


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary name beside `path`, then renames it to `path`.

    The temporary name keeps the suffix, by which writers choose their format.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_PARTIAL}{os.getpid()}-{path.name}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replaces the file's content, whole or not at all."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def sweep_partial(*folders: Path) -> None:
    """Removes what writers that were killed left behind in these folders."""
    for folder in folders:
        for left_over in folder.glob(f"{_PARTIAL}*"):
            left_over.unlink(missing_ok=True)
