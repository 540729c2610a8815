"""What a folder of pictures holds: files, attributes from tables or subfolders, train and test."""

from __future__ import annotations

import functools
import logging
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.data import (
    attribute_tables,
    folder_attributes,
    folder_notes,
    kept_digests,
    picture_files,
)
from trainer.data.datasets import Attribute, FolderReading
from trainer.data.kept_digests import Stamp
from trainer.data.picture_files import RULES, TEST, TRAIN, Files
from trainer.plurals import counted
from trainer.system import cores, file_system, threads
from trainer.system.exits import RefusedError
from trainer.system.intervals import Interval

log = logging.getLogger(__name__)

LINE_SECONDS = 10.0  # between two lines about how far it is
KEEP_SECONDS = 60.0  # after which what was read is kept, again and again: a start may be killed


@dataclass(frozen=True)
class Contents:
    """The pictures of a folder, and what is known of them."""

    paths: tuple[Path, ...]
    digests: tuple[bytes, ...]  # of the files' contents
    stamps: tuple[Stamp, ...]  # by which the files are known that had these contents
    is_test: np.ndarray  # bool [N]
    attributes: tuple[Attribute, ...]
    labels: np.ndarray  # int64 [N, attributes]
    left_out: tuple[str, ...]  # what of the folder is not used
    notes: tuple[str, ...]  # what it holds

    def of(self, split: str) -> np.ndarray:
        """The rows of `train` or `test`."""
        return np.flatnonzero(self.is_test == (split == TEST))


def read(
    folder: Path,
    reading: FolderReading,
    wanted: tuple[str, ...] = (),
    digests: Path | None = None,
) -> Contents:
    """What the folder holds. Unchanged files are read once in a process.

    Args:
      folder: of pictures at any depth.
      reading: how it is read.
      wanted: names of attributes; none: all.
      digests: a file of `kept_digests`, if they are kept from earlier starts.

    Raises:
      RefusedError: no picture can be read, or a table does not describe them.
    """
    files = picture_files.find(folder, reading.rules)
    tables = attribute_tables.find(folder, reading.metadata) if _knows_tables(reading) else ()
    stats = [(path, path.stat()) for path in (*files.pictures, *tables)]
    return _read(folder, reading, wanted, tables, _Files(files, dict(stats)), digests)


def forget() -> None:
    """Lets go of what was read, which takes memory where files are many."""
    _read.cache_clear()
    _digests.cache_clear()


class _Files:
    """The files of a folder, equal where nothing has changed."""

    def __init__(self, files: Files, stats: dict[Path, os.stat_result]) -> None:
        self.files = files
        self.stats = stats
        self._seen = tuple(
            (path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
            for path, stat in stats.items()
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Files) and self._seen == other._seen

    def __hash__(self) -> int:
        return hash(self._seen)


@functools.lru_cache(maxsize=2)
def _read(
    folder: Path,
    reading: FolderReading,
    wanted: tuple[str, ...],
    tables: tuple[Path, ...],
    there: _Files,
    kept: Path | None,
) -> Contents:
    files = there.files
    left_out, notes = list(folder_notes.unused(files, folder, tables)), []
    paths, splits = _in_splits(files.pictures, folder, reading, left_out)
    if RULES[reading.rules].needs_table and reading.metadata_file_name and not tables:
        raise RefusedError(
            f"--metadata_file_name={reading.metadata_file_name} says what a table calls pictures, "
            f"but no table was found in --data_dir={folder}: name it with --metadata"
        )
    if not tables:
        attributes, labels = folder_attributes.by_subfolders(
            paths, folder, reading, splits, wanted, left_out
        )
        tops = [folder / split for split in (TRAIN, TEST)] if splits else [folder]
        left_out += folder_notes.without_pictures(paths, tops, files.repeated)
        left_out += folder_notes.around_the_set(paths, folder)
    else:
        paths, attributes, labels = folder_attributes.by_table(
            paths, folder, tables, reading, wanted, left_out
        )
    left_out += folder_notes.unused_flags(reading, bool(tables), splits)
    stamps, digests = _digests(tuple(paths), there, folder, kept)
    if splits:
        is_test = np.array([folder_attributes.split_of(path, folder) == TEST for path in paths])
    else:
        is_test = np.array([_is_test(digest, reading.test_share) for digest in digests])
    kinds = picture_files.by_suffix(paths)
    notes.append(
        f"{counted(len(paths), 'picture')} in {folder} ({kinds}), {is_test.sum()} of them for tests"
    )
    notes += folder_notes.shares(attributes, labels)
    left_out += folder_notes.without_training(attributes, labels[~is_test])
    return Contents(
        tuple(paths), digests, stamps, is_test, attributes, labels, tuple(left_out), tuple(notes)
    )


def _knows_tables(reading: FolderReading) -> bool:
    return RULES[reading.rules].splits


def _in_splits(
    found: list[Path], folder: Path, reading: FolderReading, left_out: list[str]
) -> tuple[list[Path], bool]:
    """The pictures, and whether folders say which of them are for tests."""
    of_split = Counter(folder_attributes.split_of(path, folder) for path in found)
    if not (RULES[reading.rules].splits and of_split[TRAIN] and of_split[TEST]):
        return found, False
    inside = [path for path in found if folder_attributes.split_of(path, folder) in (TRAIN, TEST)]
    if others := len(found) - len(inside):
        what = counted(others, "picture is", "pictures are")
        left_out.append(f"{what} not used, outside the folders train and test")
    return inside, True


def _is_test(digest: bytes, share: float) -> bool:
    """By the content, so that more pictures move none from one side to the other."""
    return int.from_bytes(digest[:8]) < share * 2**64


@functools.lru_cache(maxsize=2)
def _digests(
    paths: tuple[Path, ...], there: _Files, folder: Path, kept: Path | None
) -> tuple[tuple[Stamp, ...], tuple[bytes, ...]]:
    """Of the files' contents, read where they are not known; and what the files are known by."""
    stamps = kept_digests.stamps(paths, folder, [there.stats[path] for path in paths])
    known: list[bytes | None] = [None] * len(paths)
    if kept:
        digest_of = kept_digests.read(kept)
        known = [digest_of(stamp) for stamp in stamps]
    unknown = [path for path, digest in zip(paths, known, strict=True) if digest is None]
    # Hashing lets other threads run.
    read = threads.in_order(_content_digest, unknown, cores.available())
    digests: list[bytes] = []
    line, keeping = Interval(LINE_SECONDS), Interval(KEEP_SECONDS)
    for digest in known:
        digests.append(next(read) if digest is None else digest)
        if line.has_passed():
            log.info("data: %d of %d files read", len(digests), len(paths))
        if kept and keeping.has_passed():
            kept_digests.keep(kept, stamps, [*digests, *known[len(digests) :]])
    return stamps, tuple(digests)


def _content_digest(path: Path) -> bytes:
    return bytes.fromhex(file_system.sha256(path))
