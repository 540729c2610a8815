"""What is said of a folder of pictures: what is not used of it, and what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from trainer.data import attribute_tables, picture_files
from trainer.data.attribute_tables import Table
from trainer.data.datasets import ATTRIBUTE_MINIMUM, TEST_SHARE, Attribute, FolderReading
from trainer.data.picture_files import TEST, TRAIN, Files
from trainer.plurals import counted, listed

LIKE_SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}
_CONTAINERS = LIKE_SPLITS | {"images", "pictures", "photos"}


def unused(files: Files, folder: Path, tables: tuple[Path, ...] = ()) -> Iterator[str]:
    """What is said of the files of a folder that are no pictures, tables apart."""
    for reason, paths in sorted(files.unused.items()):
        if left := [path for path in paths if path not in tables]:
            names = picture_files.listed(left, folder)
            what = counted(len(left), "file is", "files are")
            yield f"{what} not used: {reason} ({names})"
    if files.repeated:
        pairs = sorted(files.repeated.items())
        names = listed(
            [f"{_inside(path, folder)} as {_inside(other, folder)}" for path, other in pairs]
        )
        what = counted(len(files.repeated), "folder was", "folders were")
        yield f"{what} seen already by another path ({names})"


def _inside(path: Path, folder: Path) -> str:
    return f"{folder}" if path == folder else path.relative_to(folder).as_posix()


def without_pictures(
    paths: list[Path], tops: list[Path], repeated: Mapping[Path, Path]
) -> Iterator[str]:
    """What is said of subfolders that would be classes if they held pictures.

    Args:
      paths: of the pictures.
      tops: whose subfolders are classes.
      repeated: folders of which the pictures are known by other paths.
    """
    for top in tops:
        inside = [path for path in paths if top in path.parents]
        if not picture_files.class_folders(inside, top):
            continue
        empty = picture_files.empty_folders(inside, top)
        if names := [path.name for path in empty if path not in repeated]:
            what = counted(len(names), "subfolder holds", "subfolders hold")
            yield f"{what} no pictures ({listed(names)})"


def around_the_set(paths: list[Path], folder: Path) -> Iterator[str]:
    """What is said where a subfolder that holds all pictures would give attributes by itself."""
    inner = folder
    while len(found := {picture_files.class_folder(path, inner) for path in paths}) == 1:
        (below,) = found
        if below is None:
            return
        inner = below
        if tables := [name for name in attribute_tables.FILES if (inner / name).is_file()]:
            yield _inner(inner, folder, f"the table {tables[0]}")
            return
    names = sorted(path.name for path in found if path)
    if inner != folder and None not in found and inner.name.lower() not in LIKE_SPLITS:
        yield _inner(inner, folder, f"subfolders {listed(names)}")


def _inner(inner: Path, folder: Path, what: str) -> str:
    inside = inner.relative_to(folder).as_posix()
    return f"all pictures are in {inside}/, which has {what}: give --data_dir={inner} to use that"


def beside_a_table(pictures: Iterable[str], table: Table) -> Iterator[str]:
    """What is said of subfolders that would be classes if there were no table.

    Nothing where a column says the same.

    Args:
      pictures: by their keys in the table.
      table: what it says of them.
    """
    folders = (
        [part for part in name.split("/")[:-1] if part.lower() not in _CONTAINERS]
        for name in pictures
    )
    names = {inside[0] for inside in folders if inside}
    values = ({row[column] for row in table.rows.values()} for column in table.columns)
    if len(names) > 1 and not any(names <= each for each in values):
        yield (
            f"the subfolders ({listed(sorted(names))}) are no attribute, as there is a table: add "
            "a column for them if they say what pictures show"
        )


def unused_flags(reading: FolderReading, has_table: bool, has_splits: bool) -> Iterator[str]:
    """What is said of flags that mean nothing for such a folder."""
    if reading.attribute_minimum not in (1, ATTRIBUTE_MINIMUM) and not has_table:
        yield (
            f"--attribute_minimum={reading.attribute_minimum} applies only to a table, and there "
            "is none"
        )
    if reading.test_share != TEST_SHARE and has_splits:
        yield (
            f"--test_share={reading.test_share} is not used: the folders {TRAIN} and {TEST} say "
            "which pictures are for tests"
        )


def shares(attributes: tuple[Attribute, ...], labels: np.ndarray) -> Iterator[str]:
    """How many pictures each value has."""
    for attribute, column in zip(attributes, labels.T, strict=True):
        counts = np.bincount(column[column >= 0], minlength=len(attribute.values))
        each = [f"{value} {count}" for value, count in zip(attribute.values, counts, strict=True)]
        without = int((column < 0).sum())
        rest = f", not given {without}" if without else ""
        yield f"{attribute.name}: {', '.join(each)}{rest}"


def without_training(attributes: tuple[Attribute, ...], labels: np.ndarray) -> Iterator[str]:
    """What is said of values that no picture to learn from has."""
    for attribute, column in zip(attributes, labels.T, strict=True):
        learnt = set(column.tolist())
        absent = [value for row, value in enumerate(attribute.values) if row not in learnt]
        if absent:
            yield (
                f"{attribute.name}: no training picture is {listed(absent)}: "
                "pictures drawn as such will not show it"
            )
