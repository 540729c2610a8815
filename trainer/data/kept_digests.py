"""Digests of files, kept from one start to the next: unchanged files are not read again.

A file is known by its path, size, number, and the times of its content and of its entry, of which
nobody can set the last on most systems: as Git knows what has changed. What cannot be read is made
anew, and what cannot be written is not kept. Where contents turn out to be others, `forget` them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from trainer.system import file_system

_STAMP, _DIGEST = 16, 32  # bytes
_SETTLED_NS = 2 * 10**9  # later changes may have the same times, by coarse clocks

Stamp = bytes | None  # None: the file was changed so lately that its times do not tell


def stamps(
    paths: Sequence[Path], folder: Path, stats: Sequence[os.stat_result]
) -> tuple[Stamp, ...]:
    """What files of a folder are known by, as they are now."""
    settled = time.time_ns() - _SETTLED_NS

    def stamp(path: Path, stat: os.stat_result) -> Stamp:
        is_settled = max(stat.st_mtime_ns, stat.st_ctime_ns) < settled
        return _stamp(path.relative_to(folder), stat) if is_settled else None

    return tuple(map(stamp, paths, stats))


def _stamp(path: Path, stat: os.stat_result) -> bytes:
    known_by = (stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)
    text = b"\0".join([os.fsencode(path), *(b"%d" % number for number in known_by)])
    return hashlib.blake2b(text, digest_size=_STAMP).digest()


def file_of(cache_dir: Path, folder: Path, read_by: str) -> Path:
    """Where digests are kept.

    Args:
      cache_dir: of all that is kept.
      folder: of the files.
      read_by: says which of its files they are.
    """
    named = b"\0".join([os.fsencode(os.path.normpath(folder.absolute())), os.fsencode(read_by)])
    return cache_dir / "pictures" / f"digests-{hashlib.sha256(named).hexdigest()[:16]}.npy"


def forget(file: Path) -> bool:
    """Removes what is kept; whether there was anything."""
    try:
        file.unlink()
    except OSError:
        return False
    return True


def read(file: Path) -> Callable[[Stamp], bytes | None]:
    """What gives the digest of a file of the folder by its stamp, where it is known."""
    try:
        kept = np.load(file_system.regular(file), allow_pickle=False)
    except (OSError, ValueError, EOFError):  # not there, or damaged
        kept = np.zeros((0, _STAMP + _DIGEST), np.uint8)
    if kept.dtype != np.uint8 or kept.shape[1:] != (_STAMP + _DIGEST,):
        return lambda stamp: None
    rows = {row[:_STAMP].tobytes(): number for number, row in enumerate(kept)}

    def known(stamp: Stamp) -> bytes | None:
        row = None if stamp is None else rows.get(stamp)
        return None if row is None else kept[row, _STAMP:].tobytes()

    return known


def keep(file: Path, found: Sequence[Stamp], digests: Sequence[bytes | None]) -> None:
    """Keeps digests, as far as they are known, in the place of those that were kept before."""
    rows = [
        stamp + digest
        for stamp, digest in zip(found, digests, strict=True)
        if stamp is not None and digest is not None
    ]
    kept = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), _STAMP + _DIGEST)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file_system.write_atomically(file, lambda temporary: np.save(temporary, kept))
