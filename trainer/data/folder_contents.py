"""What a folder of pictures holds: files, attributes from tables or subfolders, train and test."""

from __future__ import annotations

import functools
import logging
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.data import attribute_tables, folder_notes, kept_digests, picture_files
from trainer.data.datasets import Attribute, FolderReading
from trainer.data.kept_digests import Stamp
from trainer.data.labels import NOT_GIVEN
from trainer.data.picture_files import RULES, TEST, TRAIN, Files, canonical
from trainer.system import cores, file_system, threads
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

LINE_SECONDS = 10.0  # between two lines about how far it is
_CLASS = "class"  # the attribute that subfolders give
_LIKE_SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}


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
    left_out, notes = list(folder_notes.unused(there.files, folder, tables)), []
    paths, splits = _in_splits(there.files.pictures, folder, reading, left_out)
    if RULES[reading.rules].needs_table and reading.metadata_file_name and not tables:
        raise RefusedError(
            f"--metadata_file_name={reading.metadata_file_name} says what a table calls pictures, "
            f"and none was found in --data_dir={folder}: name it by --metadata"
        )
    if not tables:
        attributes, labels = _by_subfolders(paths, folder, reading, splits, wanted, left_out)
    else:
        paths, attributes, labels = _by_table(paths, folder, tables, reading, wanted, left_out)
    stamps, digests = _digests(tuple(paths), there, folder, kept)
    if splits:
        is_test = np.array([_split(path, folder) == TEST for path in paths])
    else:
        is_test = np.array([_is_test(digest, reading.test_share) for digest in digests])
    counted = picture_files.counted(paths)
    notes.append(
        f"{len(paths)} pictures in {folder} ({counted}), {is_test.sum()} of them for tests"
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
    of_split = Counter(_split(path, folder) for path in found)
    if not (RULES[reading.rules].splits and of_split[TRAIN] and of_split[TEST]):
        return found, False
    inside = [path for path in found if _split(path, folder) in (TRAIN, TEST)]
    if others := len(found) - len(inside):
        left_out.append(f"{others} pictures outside of the folders train and test are not used")
    return inside, True


def _check_names(what: str, names: Iterable[str]) -> None:
    """Refuses names and values that could not be written into a run's files, or be shown.

    Args:
      what: they are, and where, for messages.
      names: all of them.

    Raises:
      RefusedError: one is no UTF-8, as of folders that came from another system, or empty, but for
        characters that cannot be seen.
    """
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            shown = name.encode(errors="backslashreplace").decode()
            raise RefusedError(f"{what} {shown} is no UTF-8: rename it") from error
        if not name:
            raise RefusedError(f"{what} consists of characters that cannot be seen: rename it")


def _check_columns(table: str, attributes: Sequence[Attribute]) -> None:
    for attribute in attributes:
        _check_names(f"{table}: the column", [attribute.name])
        _check_names(f"{table}: in the column {attribute.name} the value", attribute.values)


def _split(path: Path, folder: Path) -> str:
    return path.relative_to(folder).parts[0]


def _is_test(digest: bytes, share: float) -> bool:
    """By the content, so that more pictures move none from one side to the other."""
    return int.from_bytes(digest[:8]) < share * 2**64


def _by_subfolders(
    paths: list[Path],
    folder: Path,
    reading: FolderReading,
    splits: bool,
    wanted: Sequence[str],
    left_out: list[str],
) -> tuple[tuple[Attribute, ...], np.ndarray]:
    """One attribute, the class: the subfolder of the first level; none without subfolders."""
    tops = [folder / split for split in (TRAIN, TEST)] if splits else [folder]
    of_top = {top: [path for path in paths if top in path.parents] for top in tops}
    called = picture_files.plain if RULES[reading.rules].plain_names else str
    names: dict[str, None] = {}
    for top, inside in of_top.items():
        found = picture_files.class_folders(inside, top)
        names |= dict.fromkeys(called(path.name) for path in found)
        empty = picture_files.empty_folders(inside, top)
        if names and empty:
            listed = ", ".join(path.name for path in empty)
            left_out.append(f"{len(empty)} subfolders hold no pictures ({listed})")
    _check_names(f"--data_dir={folder}: the name of the subfolder", names)
    if names and not splits and {name.lower() for name in names} <= _LIKE_SPLITS:
        left_out.append(
            f"the classes are {', '.join(names)}, which look like parts of a set: call its folders "
            f"{TRAIN} and {TEST}, or name one of them as --data_dir"
        )
    known = (_CLASS,) if names else ()
    if unknown := [name for name in wanted if name not in known]:
        there = f"one attribute, {_CLASS}" if names else "neither subfolders nor a table"
        raise RefusedError(f"--attributes names {unknown[0]!r}: --data_dir={folder} has {there}")
    if not names:
        return (), np.zeros((len(paths), 0), np.int64)
    numbers = {name: number for number, name in enumerate(sorted(names) if splits else names)}
    labels = []
    for path in paths:
        top = folder / _split(path, folder) if splits else folder
        subfolder = picture_files.class_folder(path, top)
        labels.append([numbers[called(subfolder.name)] if subfolder else NOT_GIVEN])
    return (Attribute(_CLASS, tuple(numbers)),), np.array(labels, np.int64)


def _by_table(
    paths: list[Path],
    folder: Path,
    tables: tuple[Path, ...],
    reading: FolderReading,
    wanted: Sequence[str],
    left_out: list[str],
) -> tuple[list[Path], tuple[Attribute, ...], np.ndarray]:
    """The pictures of which the table has a row, and what it says of them."""
    rules = RULES[reading.rules]
    table = attribute_tables.read(tables, folder, reading.metadata_file_name, rules)
    by_name = {canonical(path.relative_to(folder)): path for path in paths}
    if alike := sorted(str(path.relative_to(folder)) for path in {*paths} - {*by_name.values()}):
        left_out.append(
            f"{len(alike)} pictures are not used, as the table cannot tell them from others whose "
            f"names look the same ({attribute_tables.listed(alike)})"
        )
    names = [name for name in by_name if name in table.rows]
    if not names:
        raise RefusedError(
            f"{table.named} describes none of the {len(paths)} pictures in {folder}: it names "
            f"{table.example!r}, and there is {next(iter(by_name))!r}; "
            "names are paths from the table's folder, or whole ones; "
            "--metadata_file_name='images/{id}.jpg' says how they are called"
        )
    without_picture = [name for name in table.rows if name not in by_name]
    without_row = [name for name in by_name if name not in table.rows]
    for missing, text in (
        (without_picture, "rows of %s have no picture, and are not used (%s)"),
        (without_row, "pictures have no row in %s, and are not used (%s)"),
    ):
        if missing:
            listed = attribute_tables.listed(missing)
            left_out.append(f"{len(missing)} {text % (table.named, listed)}")
    attributes, rows, said = attribute_tables.described(
        table, names, wanted, reading.attribute_minimum, rules
    )
    left_out += said
    _check_columns(table.named, attributes)
    numbers = [
        {value: number for number, value in enumerate(attribute.values)} for attribute in attributes
    ]
    labels = [
        [
            number.get(row[attribute.name], NOT_GIVEN)
            for attribute, number in zip(attributes, numbers, strict=True)
        ]
        for row in rows
    ]
    shape = (len(names), len(attributes))
    return [by_name[name] for name in names], attributes, np.array(labels, np.int64).reshape(shape)


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
    read, said = threads.in_order(_content_digest, unknown, cores.available()), time.monotonic()
    digests: list[bytes] = []
    for digest in known:
        digests.append(next(read) if digest is None else digest)
        if time.monotonic() - said >= LINE_SECONDS:
            said = time.monotonic()
            log.info("data: %d of %d files are read", len(digests), len(paths))
    return stamps, tuple(digests)


def _content_digest(path: Path) -> bytes:
    return bytes.fromhex(file_system.sha256(path))
