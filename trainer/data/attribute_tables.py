"""Tables of what pictures show: metadata.csv and the like, a row a picture, a column an attribute.

After the convention of Hugging Face's ImageFolder (a column `file_name`); other tables name the
pictures by a pattern over their columns.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.data import json_tables, table_files
from trainer.data.datasets import Attribute
from trainer.data.picture_files import Rules, canonical, plain
from trainer.data.table_files import Row, TableFile
from trainer.plurals import listed
from trainer.system import file_errors, file_system
from trainer.system.exits import RefusedError

FILES = ("metadata.csv", "metadata.jsonl")
SPLITS = ("train", "test")
FILE_NAME = "file_name"
OTHER = "other"  # what rare values become
_BRACES = re.compile(r"\{([^{}]*)\}")
_FEWEST = 10  # rows of which it can be said that a column names or describes
_MOST_DISTINCT = 0.5  # of the rows: a column with more values than this names, it does not describe


class MissingAttributeError(RefusedError):
    """A table, or subfolders, say nothing about an attribute that is asked for."""


@dataclass(frozen=True)
class Table:
    """What is said of pictures."""

    named: str  # the table, for messages
    columns: tuple[str, ...]  # but for that of the file's name
    rows: dict[str, Row]  # by the picture's path below the folder, as `canonical` writes it
    example: str  # a picture, as the table calls it
    left_out: tuple[str, ...] = ()  # what is to be said of columns that cannot be used


def find(folder: Path, named: str) -> tuple[Path, ...]:
    """The tables of a folder: that which is named, else metadata.csv or .jsonl, or none.

    These lie in the folder, or one in each of its folders train and test.

    Raises:
      RefusedError: there is no table of that name, or both conventional ones are there.
    """
    if named:
        path = path_of(folder, named)
        if not path.is_file():
            raise RefusedError(f"--metadata={named}: there is no such file in {folder}")
        return (path,)
    return _conventional(folder) or tuple(
        path for split in SPLITS for path in _conventional(folder / split)
    )


def path_of(folder: Path, named: str) -> Path:
    """Where the table lies that `--metadata` names.

    Raises:
      RefusedError: in the folder of a user whom nobody knows.
    """
    return Path(os.path.normpath(folder / _expanded(named)))


def as_seen_from(folder: Path, named: str) -> str:
    """A `--metadata` that lies in the folder, by its path there: the folder may be moved."""
    path = _expanded(named)
    if not (named and path.is_absolute() and path.is_relative_to(folder.absolute())):
        return named
    return path.relative_to(folder.absolute()).as_posix()


def _expanded(named: str) -> Path:
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise RefusedError(f"--metadata={named}: {error}") from error


def _conventional(folder: Path) -> tuple[Path, ...]:
    found = tuple(folder / name for name in FILES if (folder / name).is_file())
    if len(found) > 1:
        raise RefusedError(f"{folder} holds {' and '.join(FILES)}: choose one with --metadata")
    return found


def read(paths: Sequence[Path], folder: Path, pattern: str, rules: Rules) -> Table:
    """Reads tables of values with delimiters, or of JSON objects, as one.

    In a row with more fields than the header, the last column takes what is left, commas included.

    Args:
      paths: of the tables; pictures are named as seen from the table, or from the folder if that
        does not hold the table.
      folder: of the pictures.
      pattern: of the pictures' paths, with columns in braces; empty: the column `file_name`.
      rules: how the folder is read.

    Raises:
      RefusedError: one cannot be read, lacks a column, or names a picture twice.
    """
    columns: dict[str, None] = {}
    named: dict[str, Row] = {}
    left_out: list[str] = []
    example = ""
    for path in paths:
        found = _file(path, pattern, rules)
        left_out += found.notes
        columns |= dict.fromkeys(name for name in found.header if name not in (FILE_NAME, ""))
        inside = folder in path.parents
        prefix = path.parent.relative_to(folder) if inside else Path()
        for number, row in found.rows:
            name = _BRACES.sub(lambda found, row=row: row[found[1]], pattern or f"{{{FILE_NAME}}}")  # type: ignore[misc]
            key = _key(name, folder, prefix)
            if not name:
                raise RefusedError(f"{path}, line {number} names no picture: fix it")
            if key in named:
                raise RefusedError(f"{path}, line {number} names {name} again: keep one of them")
            named[key] = row
            example = example or name
    table = " and ".join(map(str, paths))
    if not named:
        raise RefusedError(f"{table} has no rows: it says nothing about any picture")
    rows_of_all = {key: dict.fromkeys(columns, "") | row for key, row in named.items()}
    return Table(table, tuple(columns), rows_of_all, example, tuple(left_out))


def _key(name: str, folder: Path, prefix: Path) -> str:
    """A picture's path below the folder, as it is compared.

    Args:
      name: in a table: as seen from there, or a whole one.
      folder: of the pictures.
      prefix: from there to the table's folder.
    """
    whole, top = Path(os.path.normpath(name)), Path(os.path.normpath(folder.absolute()))
    if whole.is_absolute() and whole.is_relative_to(top):
        return canonical(whole.relative_to(top))
    return canonical(f"{prefix.as_posix()}/{name}")  # a slash at its beginning says nothing


def _file(path: Path, pattern: str, rules: Rules) -> TableFile:
    """What one of the tables says; its kind is what its content says."""
    needed = _BRACES.findall(pattern) if pattern else [FILE_NAME]
    try:
        text = file_system.regular(path).read_text(encoding="utf-8-sig")
        if path.suffix.lower() in json_tables.SUFFIXES or json_tables.is_one(text):
            found = json_tables.read(text, rules, needed)
        else:
            found = table_files.read(path, text, rules, needed)
    except UnicodeDecodeError as error:
        raise RefusedError(
            f"{path} is not UTF-8 ({error.reason} at byte {error.start}): save it as CSV UTF-8"
        ) from error
    except (OSError, ValueError, csv.Error) as error:
        said = f"{path} cannot be read as a table ({error})"
        raise file_errors.refused(error, said, "fix it") from error
    if not found.header:
        raise RefusedError(f"{path} is empty: its first line must name the columns")
    for column in needed:
        if column not in found.header:
            raise RefusedError(
                f"{path} has no column {column!r}: its columns are {listed(found.header)}; say "
                "with --metadata_file_name='images/{id}.jpg' what the pictures are called"
            )
    if not needed:
        raise RefusedError(f"--metadata_file_name={pattern} names no column, such as {{id}}")
    return found


def described(
    table: Table, names: Sequence[str], wanted: Sequence[str], minimum: int, rules: Rules
) -> tuple[tuple[Attribute, ...], list[Row], list[str]]:
    """The attributes of pictures, their rows, and what is to be said of the columns.

    Args:
      table: what is said of them.
      names: the pictures, by their keys in the table.
      wanted: the columns to take, in this order; none: all that describe.
      minimum: pictures of a value; the rarer ones are one value, `OTHER`.
      rules: how the folder is read.

    Raises:
      RefusedError: there is no such column, or it has a single value.
    """
    rows = [dict(table.rows[name]) for name in names]
    wanted = [plain(name) for name in wanted] if rules.plain_names else wanted
    if unknown := [name for name in wanted if name not in table.columns]:
        raise MissingAttributeError(
            f"--attributes names {unknown[0]!r}: the columns of {table.named} are "
            f"{listed(table.columns)}"
        )
    notes, attributes = list(table.left_out), []
    for column in [*wanted, *(name for name in table.columns if name not in wanted)]:
        counts = Counter(row[column] for row in rows if row[column])
        rare = {value for value, count in counts.items() if count < minimum}
        reason = _why_left_out(counts, len(rows))
        if rules.drops_merged and not reason and len(counts.keys() - rare - {OTHER}) == 0:
            reason = f"has no value with {minimum} pictures or more (--attribute_minimum)"
        if reason and column in wanted:
            raise MissingAttributeError(f"--attributes={column}: the column {reason}: leave it out")
        if reason or (wanted and column not in wanted):
            reason = reason or "is not among --attributes"
            notes.append(f"the column {column} is left out: it {reason}")
            continue
        if rare:
            notes.append(_merged(column, rare, minimum))
        for row in rows:
            if row[column] in rare:
                row[column] = OTHER
        common = sorted(counts.keys() - rare - {OTHER})
        last = (OTHER,) if rare or OTHER in counts else ()
        attributes.append(Attribute(column, (*common, *last)))
    return tuple(attributes), rows, notes


def _why_left_out(counts: Counter[str], pictures: int) -> str | None:
    if not counts:
        return "is empty in the rows of all pictures"
    if len(counts) == 1:
        ((value, number),) = counts.items()
        if number == pictures:
            return f"says the same about all pictures ({value})"
        return (
            f"has one value, {value}, in {number} of {pictures} rows, and nothing in the others "
            "(a second value there, such as no, makes it an attribute)"
        )
    if len(counts) > _MOST_DISTINCT * counts.total() and counts.total() > _FEWEST:
        return f"has {len(counts)} different values in {counts.total()} rows"
    return None


def _merged(column: str, rare: set[str], minimum: int) -> str:
    return (
        f"{len(rare)} {'value' if len(rare) == 1 else 'values'} of {column} with fewer than "
        f"{minimum} pictures became {OTHER} ({listed(sorted(rare))})"
    )
