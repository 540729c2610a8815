"""Tables of JSON objects, one a line or all in an array, to rows with line numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from trainer.data.picture_files import Rules, plain
from trainer.data.table_files import TableFile

SUFFIXES = (".jsonl", ".ndjson")
_OBJECT = re.compile(r'\s*\{\s*["}]')
_ARRAY = re.compile(r"\s*\[\s*[{\]]")
_BETWEEN = re.compile(r"[\s,]*")


def is_one(text: str) -> bool:
    """Whether it begins as such a table, whatever its file is called."""
    return bool(_OBJECT.match(text) or _ARRAY.match(text))


def read(text: str, rules: Rules, of_names: Sequence[str]) -> TableFile:
    """The table.

    Args:
      text: its content.
      rules: how the folder is read.
      of_names: the columns of pictures' names, which stay as they are.

    Raises:
      ValueError: it cannot be meant.
    """
    try:
        objects = list(_elements(text) if _ARRAY.match(text) else _lines(text))
    except RecursionError as error:
        raise ValueError("its values are nested too deeply") from error
    if rules.plain_names:
        objects = [
            (number, {plain(name): value for name, value in each.items()})
            for number, each in objects
        ]
    names = list(dict.fromkeys(name for _, each in objects for name in each))
    # Lists and objects describe parts of a picture, not all of it.
    plain_types = str | int | float | None
    of_parts = [
        name
        for name in names
        if not all(isinstance(each.get(name), plain_types) for _, each in objects)
    ]
    header = [name for name in names if name not in of_parts]
    if of_parts and not header:
        raise ValueError("its objects hold only lists and objects: write one object a picture")

    def value(name: str, found: str | float | None) -> str:
        # JSON has no NaN, but what pandas writes does, for what is not given.
        if found is None or (rules.plain_names and found != found):
            return ""
        as_it_is = name in of_names or not rules.plain_names
        return str(found).strip() if as_it_is else plain(str(found))

    rows = [
        (number, {name: value(name, each.get(name)) for name in header}) for number, each in objects
    ]
    notes = [f"the column {name} is left out: it has lists or objects" for name in of_parts]
    return TableFile(header, rows, notes)


def _lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
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
        yield number, _object(found, number)


def _elements(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of an array, with the numbers of the lines in which they begin.

    Raises:
      ValueError: it is no JSON, or an element is no object.
    """
    json.loads(text)  # so that only spaces and commas are between elements
    decoder, number, before = json.JSONDecoder(), 1, 0
    end = text.index("[") + 1
    while text[start := _end_of_spaces(text, end)] != "]":
        number, before = number + text.count("\n", before, start), start
        found, end = decoder.raw_decode(text, start)
        yield number, _object(found, number)


def _end_of_spaces(text: str, start: int) -> int:
    found = _BETWEEN.match(text, start)
    return found.end() if found else start


def _object(found: Any, number: int) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ValueError(f"line {number} is not an object")
    return found
