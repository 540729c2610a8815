"""Files of tables: values with a delimiter, or a JSON object a line, to rows with line numbers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from trainer.data.picture_files import Rules, plain

_MOST_LINES = 20  # of a row, in which a value may have some

Row = dict[str, str]  # by column; empty: not given
Line = tuple[int, Row]  # with the number of the file's line, from 1


def _delimiter(path: Path, text: str) -> str:
    """A comma, or what spreadsheets write instead of it where numbers have commas."""
    if path.suffix == ".tsv":
        return "\t"
    header = text.partition("\n")[0]
    return next((each for each in (",", ";", "\t") if each in header), ",")


def separated(
    path: Path, text: str, rules: Rules, of_names: Sequence[str]
) -> tuple[list[str], list[Line]]:
    """Columns and rows of a table with a delimiter.

    Args:
      path: of the table.
      text: its content.
      rules: how the folder is read.
      of_names: the columns of pictures' names, which stay as they are.

    Raises:
      ValueError, csv.Error: it cannot be meant.
    """
    delimiter = _delimiter(path, text)
    raw = io.StringIO(text, newline="").readlines()
    # Else spaces stay: of the last column they are its own.
    skips = rules.quotes_after_spaces and f'{delimiter} "' in text
    lines = csv.reader(raw, delimiter=delimiter, skipinitialspace=skips)
    read = plain if rules.plain_names else str.strip
    header = [read(name) for name in next(lines, [])]
    names = [name for name in header if name]  # spreadsheets write columns of nothing, too
    if len(set(names)) < len(names):
        raise ValueError("two columns have the same name")
    last = len(header) - 1
    rows: list[Line] = []
    before = lines.line_num
    for fields in lines:
        first, before = before + 1, lines.line_num
        if not any(fields):  # spreadsheets write rows of nothing, too
            continue
        if rules.plain_names and before - first >= _MOST_LINES:
            quotes = "".join(raw[first - 1 : before]).count('"')
            if len(fields) < len(header) or quotes % 2:
                raise ValueError(f"line {first} runs on to line {before}: close its quote")
        fields += [""] * (len(header) - len(fields))
        values = [*fields[:last], delimiter.join(fields[last:])]
        row = {
            name: value.strip() if name in of_names else read(value)
            for name, value in zip(header, values, strict=True)
        }
        rows.append((first, row))
    return header, rows


def json_lines(
    text: str, rules: Rules, of_names: Sequence[str]
) -> tuple[list[str], list[Line], list[str]]:
    """Columns, rows, and the names of what is no column, of a JSON object a line.

    Args:
      text: the table's content.
      rules: how the folder is read.
      of_names: the columns of pictures' names, which stay as they are.

    Raises:
      ValueError: a line is no object.
    """
    objects = dict(_objects(text))
    if rules.plain_names:
        objects = {
            number: {plain(name): value for name, value in each.items()}
            for number, each in objects.items()
        }
    names = list(dict.fromkeys(name for each in objects.values() for name in each))
    # Lists and objects describe parts of a picture, not all of it.
    plain_types = str | int | float | None
    of_parts = [
        name
        for name in names
        if not all(isinstance(each.get(name), plain_types) for each in objects.values())
    ]
    header = [name for name in names if name not in of_parts]

    def value(name: str, found: str | float | None) -> str:
        # JSON has no NaN, but what pandas writes does, for what is not given.
        if found is None or (rules.plain_names and found != found):
            return ""
        as_it_is = name in of_names or not rules.plain_names
        return str(found).strip() if as_it_is else plain(str(found))

    rows = [
        (number, {name: value(name, each.get(name)) for name in header})
        for number, each in objects.items()
    ]
    return header, rows, of_parts


def _objects(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The object of each line by its keys, with the line's number.

    Raises:
      ValueError: a line is none.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
        if not isinstance(found, dict):
            raise ValueError(f"line {number} is not an object")
        yield number, found
