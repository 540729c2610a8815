"""Folders and small files of a run: preflight, lock, atomic writes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from trainer.system.exits import RefusedError

# A process that was killed holds its lock until the kernel has taken its memory back.
LOCK_PATIENCE_SECONDS = 10.0
PARTIAL = ".partial-"  # how names of unfinished files and folders begin


def check_folder(path: Path, flag: str) -> None:
    """Refuses what cannot become a writable folder; makes nothing.

    Raises:
      RefusedError: it, or what it would be made in, is not a folder or not writable.
    """
    try:
        there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "permission denied")
    except OSError as error:
        raise _unwritable(path, flag, error) from error


def make_folder(path: Path, flag: str) -> None:
    """Makes the folder if need be.

    Raises:
      RefusedError: it is not a folder, cannot be made, or cannot be written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise _unwritable(path, flag, error) from error


def _unwritable(path: Path, flag: str, error: OSError) -> RefusedError:
    return RefusedError(
        f"--{flag}={path} cannot be written to ({error.strerror}): choose another folder"
    )


@contextmanager
def exclusive(
    folder: Path, flag: str, patience_seconds: float = LOCK_PATIENCE_SECONDS
) -> Iterator[None]:
    """Holds the folder's lock. The operating system drops it when the process dies.

    Raises:
      RefusedError: another process holds it and did not let go in time.
    """
    with _lock_file(folder, flag) as file:
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


def _lock_file(folder: Path, flag: str) -> IO[str]:
    try:
        return open(folder / ".lock", "a+", encoding="utf-8")
    except OSError as error:
        raise _unwritable(folder / ".lock", flag, error) from error


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary name beside `path`, then renames it to `path`.

    The temporary name keeps two suffixes, by which writers choose their format, and nothing else,
    by which readers would take it for the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(partial_prefix() + "".join(path.suffixes[-2:]))
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replaces the file's content, whole or not at all."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def partial_prefix() -> str:
    """How the names of this process's unfinished files and folders begin."""
    return f"{PARTIAL}{os.getpid()}-"


def sweep_partial(folder: Path) -> None:
    """Removes what writers that were killed left behind in this folder and those below."""
    for left_over in list(folder.rglob(f"{PARTIAL}*")):
        if _is_alive(int(left_over.name.removeprefix(PARTIAL).split("-")[0])):
            continue
        if left_over.is_dir():
            shutil.rmtree(left_over)
        else:
            left_over.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpid()  # in containers each process has the number of the one before it
