"""Files of tables whose values have a delimiter between them, to rows with line numbers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.data.picture_files import Rules, plain
from trainer.plurals import counted, listed

_MOST_LINES = 20  # of a row, in which a value may have some
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}  # as spreadsheets write them
_NAMED_DELIMITER = re.compile(r'"?sep=(.)"?\s*')  # Excel's first line, for itself
_END = "end\n"

Row = dict[str, str]  # by column; empty: not given
Line = tuple[int, Row]  # with the number of the file's line, from 1


@dataclass(frozen=True)
class TableFile:
    """What one file says."""

    header: list[str]
    rows: list[Line]
    notes: list[str]  # what is to be said of them


def read(path: Path, text: str, rules: Rules, of_names: Sequence[str]) -> TableFile:
    """The table.

    Args:
      path: of the table.
      text: its content.
      rules: how the folder is read.
      of_names: the columns of pictures' names, which stay as they are.

    Raises:
      ValueError, csv.Error: it cannot be meant.
    """
    raw = io.StringIO(text, newline="").readlines()
    start, delimiters = _beginning(path, raw)
    clean = plain if rules.plain_names else str.strip

    def header_by(dialect: dict[str, Any]) -> list[str]:
        lines = raw[start : start + _MOST_LINES]
        return [clean(name) for name in next(csv.reader(lines, **dialect), [])]

    dialects = [_dialect(delimiter, text, rules) for delimiter in delimiters]
    fitting = (each for each in dialects if set(of_names) <= set(header_by(each)))
    there = (each for each in dialects if raw and each["delimiter"] in raw[start])
    dialect = next(fitting, None) or next(there, dialects[0])
    header = header_by(dialect)
    names = [name for name in header if name]  # spreadsheets write columns of nothing, too
    if len(set(names)) < len(names):
        raise ValueError("two columns have the same name")
    while rules.exact_tables and header and not header[-1]:
        header.pop()
    rows, notes = _rows(path, raw, start, _Form(dialect, header, of_names, rules))
    return TableFile(header, rows, notes)


@dataclass(frozen=True)
class _Form:
    """How a file's lines become rows."""

    dialect: dict[str, Any]  # of `csv.reader`
    header: list[str]
    of_names: Sequence[str]
    rules: Rules


def _beginning(path: Path, raw: Sequence[str]) -> tuple[int, list[str]]:
    """How many lines are before the header, and the delimiters that it may have, likely first."""
    tabs_first = path.suffix.lower() == ".tsv"
    delimiters = sorted(_DELIMITERS, key=lambda each: each == "\t", reverse=tabs_first)
    for number, line in enumerate(raw):
        if found := _NAMED_DELIMITER.fullmatch(line):
            return number + 1, [found[1]]
        if line.strip(" \r\n" + "".join(_DELIMITERS)):
            return number, delimiters
    return 0, delimiters


def _dialect(delimiter: str, text: str, rules: Rules) -> dict[str, Any]:
    # Else spaces stay: of the last column they are its own.
    skips = rules.quotes_after_spaces and f'{delimiter} "' in text
    return {"delimiter": delimiter, "skipinitialspace": skips}


def _rows(path: Path, raw: Sequence[str], start: int, form: _Form) -> tuple[list[Line], list[str]]:
    """The rows below the header, which is in line `start + 1`, and what is to be said of them."""
    header, rules, last = form.header, form.rules, len(form.header) - 1
    clean = plain if rules.plain_names else str.strip
    delimiter, lines = form.dialect["delimiter"], csv.reader(raw[start:], **form.dialect)
    next(lines, None)
    rows: list[Line] = []
    longer: list[str] = []  # numbers of lines
    shorter: list[str] = []
    before = start + lines.line_num
    for fields in lines:
        first, before = before + 1, start + lines.line_num
        if not any(map(str.strip, fields)):  # spreadsheets write rows of nothing, too
            continue
        _check_quotes(raw, first, before, fields, form)
        while rules.exact_tables and len(fields) > len(header) and not fields[-1].strip():
            fields.pop()
        if len(fields) > len(header):
            longer.append(str(first))
        elif any(header[len(fields) :]):
            shorter.append(str(first))
        fields += [""] * (len(header) - len(fields))
        values = [*fields[:last], delimiter.join(fields[last:])]
        row = {
            name: value.strip() if name in form.of_names else clean(value)
            for name, value in zip(header, values, strict=True)
        }
        rows.append((first, row))
    notes = []
    if longer:
        called = _DELIMITERS.get(delimiter, delimiter)
        notes.append(
            f"{counted(len(longer), 'row has', 'rows have')} more values than columns, of which "
            f"the last took the rest (lines {listed(longer)} of {path}): put quotes around values "
            f"with {called}"
        )
    if shorter:
        notes.append(
            f"{counted(len(shorter), 'row has', 'rows have')} fewer values than columns, of which "
            f"the last are taken as not given (lines {listed(shorter)} of {path})"
        )
    return rows, notes


def _check_quotes(
    raw: Sequence[str], first: int, before: int, fields: Sequence[str], form: _Form
) -> None:
    """Refuses a row that a stray quote made of several: lines `first` to `before` of the file.

    Raises:
      ValueError: it is one.
    """
    lines = raw[first - 1 : before]
    runs_on = f"line {first} runs on to line {before}: close its quote"
    if form.rules.exact_tables:
        if before == len(raw) and not _is_closed(lines, form):
            raise ValueError(f"line {first} opens a quote that no line after it closes: close it")
        if len(lines) > 1 and _has_swallowed(lines, form):
            raise ValueError(runs_on)
    if form.rules.plain_names and before - first >= _MOST_LINES:
        quotes = "".join(lines).count('"')
        if len(fields) < len(form.header) or quotes % 2:
            raise ValueError(runs_on)


def _is_closed(lines: Sequence[str], form: _Form) -> bool:
    """Whether a row ends with its last line, so that one after it is none of it."""
    return len(list(csv.reader([*lines, _END], **form.dialect))) == 2


def _has_swallowed(lines: Sequence[str], form: _Form) -> bool:
    """Whether lines of a row after its first are rows by themselves, not the text of a value."""
    alone = [next(csv.reader([line], **form.dialect), []) for line in lines[1:]]
    try:
        list(csv.reader(lines, strict=True, **form.dialect))
    except csv.Error:  # what follows the closing quote is part of another row
        return any(len(fields) >= len(form.header) for fields in alone)
    return any(
        name in form.of_names and Path(field).suffix.lower() in form.rules.suffixes
        for fields in alone
        if len(fields) == len(form.header)
        for name, field in zip(form.header, fields, strict=True)
    )
