"""The runs command: a table of the runs in a folder, and their curves in one picture."""

from __future__ import annotations

from trainer.cloud import local_copies
from trainer.configuration.config import RunsConfig
from trainer.monitoring import curves
from trainer.runs import in_bucket, overview
from trainer.runs.overview import Overview

_HEAD = ("run", "preset", "step", "of", "images", "Fréchet best", "last", "state")


def run(config: RunsConfig) -> None:
    """Prints the table, and the picture's path.

    Raises:
      RefusedError: the folder holds no runs.
    """
    files = (*overview.FILES, *curves.FILES) if config.plot else overview.FILES
    copy = in_bucket.fetch_from_all(config.folder_url, config.folder, files)
    found = overview.runs_in(config.folder, copy, str(config.folder_url or config.folder))
    rows = [_HEAD, *map(_cells, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if number in (0, 1, len(row) - 1) else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    if config.plot:
        picture = curves.compare(found, config.folder / "curves.png")
        in_bucket.add(copy)
        print(local_copies.shown(str(picture)))


def _cells(run: Overview) -> tuple[str, ...]:
    distances = ["-" if value is None else f"{value:.2f}" for value in (run.best, run.last)]
    counts = map(str, (run.step, run.last_step, run.step * run.images_a_step))
    return (run.name, run.preset, *counts, *distances, run.state)
