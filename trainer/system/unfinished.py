"""Files and folders that are not finished: their names, and what becomes of them."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import secrets
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial-"  # prefix of the names of unfinished files and folders
# Then the process, a digest of its host, for pods that share a folder have processes of one number,
# and what a process has drawn for itself. Earlier names end behind the process.
_PARTIAL_NAME = re.compile(r"\.partial-(\d{1,9})-(?:([0-9a-f]{8})-([0-9a-f]{8})-)?")
ABANDONED_SECONDS = 24 * 3600.0  # without a change, what another host began is left over


_numbers = itertools.count()
_written: set[Path] = set()  # by this process, now


@contextmanager
def beside(path: Path, suffix: str = "") -> Iterator[Path]:
    """A temporary path beside `path`, of a file or a folder that is gone afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(partial_prefix() + suffix)
    _written.add(temporary)
    try:
        yield temporary
    finally:
        _remove(temporary)
        _written.discard(temporary)


def remove_written() -> None:
    """Removes what is being written, of a process that leaves at once."""
    for temporary in list(_written):
        _remove(temporary)


def _remove(path: Path) -> None:
    """Removes a file, or a folder, which nobody then renames any more."""
    with contextlib.suppress(OSError):
        if path.is_dir():
            removed = path.with_name(partial_prefix())
            path.rename(removed)
            shutil.rmtree(removed, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def partial_prefix() -> str:
    """A prefix of the name of an unfinished file or folder, which no other process has."""
    return f"{PARTIAL}{os.getpid()}-{_host()}-{_drawn(os.getpid())}-{next(_numbers)}-"


def remove_left_over(folder: Path) -> None:
    """Removes what killed processes of ours left unfinished in this folder and those below it."""
    # `rglob` fails where a subfolder goes while it looks, as another process's unfinished one does.
    walked = [
        Path(place, name)
        for place, folders, files in os.walk(folder)
        for name in (*folders, *files)
    ]
    for left_over in walked:
        ours = _PARTIAL_NAME.match(left_over.name)
        if not ours or not _is_left_over(left_over, int(ours[1]), ours[2], ours[3]):
            continue
        with contextlib.suppress(OSError):  # another user's, say: it is in nobody's way
            if left_over.is_dir() and not left_over.is_symlink():
                shutil.rmtree(left_over)
            else:
                left_over.unlink(missing_ok=True)


def _is_left_over(path: Path, pid: int, host: str | None, drawn: str | None) -> bool:
    """Whether nobody writes it any more, as far as can be known of another host's processes."""
    if host in (None, _host()):
        # In containers every main process has the same pid, the one before this, too.
        return drawn != _drawn(pid) if pid == os.getpid() else not _is_alive(pid)
    with contextlib.suppress(OSError):  # it is finished meanwhile
        return time.time() - path.stat().st_mtime > ABANDONED_SECONDS
    return False


def _host() -> str:
    return f"{zlib.crc32(os.uname().nodename.encode()):08x}"


@functools.cache
def _drawn(pid: int) -> str:
    """Eight digits of the process of that number, in which this is called; a fork has others."""
    del pid
    return secrets.token_hex(4)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
