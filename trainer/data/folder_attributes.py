"""What is said of the pictures of a folder: by the subfolders that they are in, or by a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from trainer.data import attribute_tables, folder_notes, picture_files
from trainer.data.attribute_tables import MissingAttributeError
from trainer.data.datasets import Attribute, FolderReading
from trainer.data.labels import NOT_GIVEN
from trainer.data.picture_files import RULES, TEST, TRAIN, canonical
from trainer.plurals import counted, listed
from trainer.system.exits import RefusedError

_CLASS = "class"  # the attribute that subfolders give


def split_of(path: Path, folder: Path) -> str:
    """The folder of the first level that a picture is in."""
    return path.relative_to(folder).parts[0]


def by_subfolders(
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
    _check_names(f"--data_dir={folder}: the name of the subfolder", names)
    if names and not splits and {name.lower() for name in names} <= folder_notes.LIKE_SPLITS:
        left_out.append(
            f"the classes are {', '.join(names)}, which look like parts of a data set: rename "
            f"them to {TRAIN} and {TEST}, or give one of them as --data_dir"
        )
    known = (_CLASS,) if names else ()
    if unknown := [name for name in wanted if name not in known]:
        there = f"one attribute, {_CLASS}" if names else "neither subfolders nor a table"
        raise MissingAttributeError(
            f"--attributes names {unknown[0]!r}: --data_dir={folder} has {there}"
        )
    if not names:
        return (), np.zeros((len(paths), 0), np.int64)
    numbers = {name: number for number, name in enumerate(sorted(names) if splits else names)}
    labels = []
    for path in paths:
        top = folder / split_of(path, folder) if splits else folder
        subfolder = picture_files.class_folder(path, top)
        labels.append([numbers[called(subfolder.name)] if subfolder else NOT_GIVEN])
    return (Attribute(_CLASS, tuple(numbers)),), np.array(labels, np.int64)


def by_table(
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
            f"{counted(len(alike), 'picture is', 'pictures are')} not used, as the table cannot "
            f"tell one from others whose names look the same ({listed(alike)})"
        )
    names = [name for name in by_name if name in table.rows]
    if not names:
        raise RefusedError(
            f"{table.named} describes none of the {len(paths)} pictures in {folder}: it names "
            f"{table.example!r}, while there is {next(iter(by_name))!r}; "
            "names are paths relative to the table's folder, or absolute; "
            "--metadata_file_name='images/{id}.jpg' says what the pictures are called"
        )
    without_picture = [name for name in table.rows if name not in by_name]
    without_row = [name for name in by_name if name not in table.rows]
    for missing, one, more, lack in (
        (without_picture, "row has", "rows have", f"no picture, of {table.named}"),
        (without_row, "picture has", "pictures have", f"no row in {table.named}"),
    ):
        if missing:
            what = counted(len(missing), one, more)
            left_out.append(f"{what} {lack}: not used ({listed(missing)})")
    attributes, rows, said = attribute_tables.described(
        table, names, wanted, reading.attribute_minimum, rules
    )
    left_out += said
    left_out += folder_notes.beside_a_table(names, table)
    _check_columns(table.named, attributes)
    return [by_name[name] for name in names], attributes, _labels(rows, attributes)


def _labels(rows: Sequence[Mapping[str, str]], attributes: Sequence[Attribute]) -> np.ndarray:
    """The numbers of the rows' values: int64 `[N, attributes]`."""
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
    return np.array(labels, np.int64).reshape(len(rows), len(attributes))


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
            raise RefusedError(f"{what} {shown} is not UTF-8: rename it") from error
        if not name:
            raise RefusedError(f"{what} consists of invisible characters: rename it")


def _check_columns(table: str, attributes: Sequence[Attribute]) -> None:
    for attribute in attributes:
        _check_names(f"{table}: the column", [attribute.name])
        _check_names(f"{table}: in the column {attribute.name}, the value", attribute.values)
