"""The runs command: a table of the runs in a folder, and their curves in one picture."""

from __future__ import annotations

from trainer.configuration.config import RunsConfig
from trainer.monitoring import curves
from trainer.runs import overview
from trainer.runs.overview import Overview

_HEAD = ("run", "preset", "step", "of", "images", "Fréchet best", "last", "state")


def run(config: RunsConfig) -> None:
    """Prints the table, and the picture's path.

    Raises:
      RefusedError: the folder holds no runs.
    """
    found = overview.runs_in(config.folder)
    rows = [_HEAD, *map(_cells, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if number in (0, 1, len(row) - 1) else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    if config.plot:
        print(curves.compare(found, config.folder / "curves.png"))


def _cells(run: Overview) -> tuple[str, ...]:
    distances = ["-" if value is None else f"{value:.2f}" for value in (run.best, run.last)]
    counts = map(str, (run.step, run.last_step, run.images))
    return (run.name, run.preset, *counts, *distances, run.state)
