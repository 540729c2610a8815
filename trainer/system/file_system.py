"""Folders and files: checks before the start, locks, atomic writes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from trainer.system import file_errors, machine, unfinished
from trainer.system.exits import InterruptedRun, RefusedError

log = logging.getLogger(__name__)

LOCK = ".lock"  # the file in a folder by which that is locked
# A killed process keeps its lock until the kernel has freed its memory.
LOCK_TIMEOUT_SECONDS = 10.0
# A file server keeps that of a machine which is gone until its lease has ended: NFS's has 90 s.
OTHER_HOSTS_LOCK_SECONDS = 120.0
# What file systems behind a network say that cannot do it, above all of folders.
_NO_SYNC = {errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.EOPNOTSUPP}


def check_folder(path: Path, flag: str) -> None:
    """Checks that the folder is writable or can be created; creates nothing.

    Raises:
      RefusedError: it, or its nearest existing parent, is not a folder or not writable.
    """
    try:
        existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        if not existing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder")
        if not os.access(existing, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "permission denied")
    except OSError as error:
        raise _not_writable(path, flag, error) from error


def make_folder(path: Path, flag: str) -> None:
    """Creates the folder if it does not exist.

    Raises:
      RefusedError: it is not a folder, cannot be created, or cannot be written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise _not_writable(path, flag, error) from error


def _not_writable(path: Path, flag: str, error: OSError) -> RefusedError | InterruptedRun:
    said = f"--{flag}={path} cannot be written to ({error.strerror})"
    return file_errors.refused(error, said, "choose another folder")


@contextmanager
def locked(
    folder: Path,
    flag: str,
    timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
    busy: type[RefusedError | InterruptedRun] = RefusedError,
) -> Iterator[Callable[[], None]]:
    """Holds the folder's lock. The operating system releases it when the process dies.

    Args:
      folder: that is written to.
      flag: that names it.
      timeout_seconds: how long another process is waited for.
      busy: what is raised then; an `InterruptedRun` where the other one finishes by itself.

    Yields:
      A function that refuses to go on where the folder has been moved or removed since, or its
      lock: another process may hold what is there now.
    """
    with _locked_file(folder, flag, timeout_seconds, busy) as file:
        file.truncate(0)
        file.write(f"pid {os.getpid()} on {os.uname().nodename}\n{machine.boot_id()}\n")
        file.flush()
        yield lambda: _check_still_there(file, folder, flag)


def _locked_file(
    folder: Path, flag: str, timeout_seconds: float, busy: type[RefusedError | InterruptedRun]
) -> IO[str]:
    """The folder's lock file, locked; waits for another process that holds it."""
    started, is_said = time.monotonic(), False
    while True:
        # Opened for each try: the folder may be removed, and made again, while this waits.
        with ExitStack() as tried:
            file = tried.enter_context(_open_lock_file(folder, flag))
            if _try_lock(file, folder) and _is_in_place(file, folder):
                tried.pop_all()  # it stays open
                return file
            file.seek(0)
            holder, _, boot_id = file.read().strip().partition("\n")
        patience = timeout_seconds
        if holder and not _is_here(holder, boot_id):
            patience = max(patience, OTHER_HOSTS_LOCK_SECONDS)
        waited = time.monotonic() - started
        if waited > patience:
            said = f"--{flag}={folder} is being written by another process ({holder or 'unknown'})"
            way_out = "stop it or choose another folder"
            raise busy(f"{said}: {'run again' if busy is InterruptedRun else way_out}")
        if waited > LOCK_TIMEOUT_SECONDS and not is_said:
            log.info("%s is being written by %s: waiting for it", folder, holder)
            is_said = True
        time.sleep(0.1)


def _is_here(holder: str, boot_id: str) -> bool:
    """Whether a lock's holder is on this machine; by name only where there is nothing better."""
    if boot_id and (ours := machine.boot_id()):
        return boot_id == ours
    return holder.endswith(f" on {os.uname().nodename}")


def _check_still_there(file: IO[str], folder: Path, flag: str) -> None:
    if not _is_in_place(file, folder):
        raise RefusedError(
            f"--{flag}={folder} was moved or removed, or its .lock was, while this process wrote "
            "there: what was saved is where it was moved to; go on there, or start over"
        )


def _is_in_place(file: IO[str], folder: Path) -> bool:
    """Whether the open lock file is the one that the folder has now."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), (folder / LOCK).stat())
    except FileNotFoundError:
        return False


def is_locked(folder: Path) -> bool:
    """Whether a process holds the folder's lock now, as far as can be seen; makes none."""
    try:
        with open(folder / LOCK, encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is none, or it cannot be read
        return False
    return False


def _open_lock_file(folder: Path, flag: str) -> IO[str]:
    try:
        return open(folder / LOCK, "a+", encoding="utf-8")
    except OSError as error:
        raise _not_writable(folder / LOCK, flag, error) from error


def _try_lock(file: IO[str], folder: Path) -> bool:
    try:
        with naming(folder):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary path beside `path`, then renames the file to `path`.

    The temporary name keeps the last two suffixes, from which writers choose their format, and
    nothing else of the name, so that readers' patterns do not match it.
    """
    with unfinished.beside(path, "".join(path.suffixes[-2:])) as temporary, naming(path):
        write(temporary)
        temporary.replace(path)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of the file system within say this path: of an open file the system says no name."""
    try:
        yield
    except OSError as error:
        raise type(error)(error.errno, error.strerror or str(error), str(path)) from error


def walk(
    folder: Path,
    refuse: Callable[[OSError], None] | None = None,
    repeated: Callable[[Path, Path], object] | None = None,
    links_last: bool = True,
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """As `os.walk`; links are followed, and circles of them end.

    Args:
      folder: from which it starts.
      refuse: called with what hinders the way into a subfolder; None: that is passed over.
      repeated: called with a folder that is not gone into, and the path by which it was before.
      links_last: folders are known by their own paths rather than by links to them; else by those
        that come first.
    """
    seen: dict[tuple[int, int], Path] = {}
    starts = [folder]
    for start in starts:  # which grow
        for at, subfolders, names in os.walk(start, onerror=refuse, followlinks=not links_last):
            place = Path(at)
            stat = place.stat()
            first = seen.setdefault((stat.st_dev, stat.st_ino), place)
            if first is not place:
                subfolders.clear()
                if repeated:
                    repeated(place, first)
                continue
            subfolders.sort()
            yield place, subfolders, names
            if links_last:
                starts += [place / name for name in subfolders if (place / name).is_symlink()]


def write_text(path: Path, text: str) -> None:
    """Replaces the file's content atomically, and so that a power cut leaves the old or the new."""

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")
        sync(temporary)

    write_atomically(path, write)


def sync(path: Path) -> None:
    """Waits until a file's content, or a folder's names, are on the disk; where that can be."""
    with naming(path):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise
        finally:
            os.close(handle)


def sha256(path: Path) -> str:
    """The SHA-256 digest of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_text(path: Path) -> str:
    """The content of a regular file; what is no UTF-8 in it is replaced.

    Raises:
      FileNotFoundError: there is none.
      OSError: it cannot be read, or is something else.
    """
    return regular(path).read_text(encoding="utf-8", errors="replace")


def regular(path: Path) -> Path:
    """The path of a regular file or of nothing.

    Raises:
      OSError: it is of something else: reading a pipe would wait for ever.
    """
    if not path.is_file() and path.exists():
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return path
