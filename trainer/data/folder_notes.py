"""What is said of a folder of pictures: what is not used of it, and what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trainer.data import picture_files
from trainer.data.datasets import ATTRIBUTE_MINIMUM, TEST_SHARE, Attribute, FolderReading
from trainer.data.picture_files import TEST, TRAIN, Files
from trainer.plurals import counted, listed


def unused(files: Files, folder: Path, tables: tuple[Path, ...] = ()) -> Iterator[str]:
    """What is said of the files of a folder that are no pictures, tables apart."""
    for reason, paths in sorted(files.unused.items()):
        if left := [path for path in paths if path not in tables]:
            names = picture_files.listed(left, folder)
            what = counted(len(left), "file is", "files are")
            yield f"{what} not used: {reason} ({names})"


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
