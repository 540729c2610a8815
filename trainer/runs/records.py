"""JSON Lines files: reading them, and trimming metrics.jsonl to a step."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from trainer.runs import figures
from trainer.system import file_system

log = logging.getLogger(__name__)

EVALUATED = "evaluation/"  # prefix of the keys of a run's own evaluations in metrics.jsonl
EVALUATED_FRECHET = f"{EVALUATED}{figures.FRECHET}"
_END_BYTES = 2**20  # in which there are whole lines


def read_lines(path: Path, *required: str) -> list[dict[str, Any]]:
    """The objects in a file that have the required keys, beside `step`.

    Other lines are damaged, and said to be; the last one may have been cut short by a kill.
    """
    try:
        text = file_system.read_text(path)
    except FileNotFoundError:
        return []
    lines = text.splitlines()
    found = [each for line in lines if (each := _parsed(line, required)) is not None]
    damaged = len([line for line in lines if line.strip()]) - len(found)
    if damaged > (not text.endswith("\n")):
        log.warning("%s: %d damaged lines are left out", path, damaged)
    return found


def write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Replaces the file's lines, all at once."""
    file_system.write_text(path, "".join(json.dumps(line) + "\n" for line in lines))


def last_step(path: Path) -> int:
    """Of the last whole line, for which no more than the file's end is read; 0: there is none."""
    try:
        with open(file_system.regular(path), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _END_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return 0
    if size > _END_BYTES:
        lines = lines[1:]  # the first is cut
    whole = (each for line in reversed(lines) if (each := _parsed(line, ())) is not None)
    return next(whole, {"step": 0})["step"]


def _parsed(line: str, required: Sequence[str]) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(line)
        if isinstance(value, dict) and type(value.get("step")) is int:
            return value if all(name in value for name in required) else None
    return None


def amend(path: Path, step: int, metrics: dict[str, float]) -> None:
    """Adds metrics to the last line, if it is of that step."""
    lines = read_lines(path)
    if lines and lines[-1]["step"] == step:
        lines[-1] |= metrics
        write_lines(path, lines)


def trim_metrics(path: Path, step: int) -> None:
    """Drops the lines of all steps after `step`."""
    if path.exists():
        write_lines(path, [line for line in read_lines(path) if line["step"] <= step])
