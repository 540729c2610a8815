"""Pictures of which parts are missing, completed in several ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from trainer.configuration.editing import Search
from trainer.data.labels import Labels
from trainer.editing import inpainting
from trainer.studio.editing import search_flags
from trainer.studio.open_run import OpenRun
from trainer.studio.shown import Command, Shown, arrays
from trainer.system.exits import RefusedError

WAYS = 4  # completions of a picture
QUICK = Search(restarts=2, steps=30)  # of a run that must search

# What is missing, by name: of rows and columns as shares of the side.
READY_MASKS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "middle": lambda row, column: np.maximum(abs(row - 0.5), abs(column - 0.5)) < 0.25,
    "right half": lambda row, column: (column >= 0.5) & (row >= 0),
    "lower half": lambda row, column: (row >= 0.5) & (column >= 0),
    "left half": lambda row, column: (column < 0.5) & (row >= 0),
    "upper half": lambda row, column: (row < 0.5) & (column >= 0),
}


def ready_mask(name: str, side: int) -> np.ndarray:
    """One of `READY_MASKS`: uint8 `[side, side, 1]`, 1 where a pixel is missing."""
    places = (np.arange(side) + 0.5) / side
    missing = READY_MASKS[name](places[:, np.newaxis], places[np.newaxis])
    return missing.astype(np.uint8)[:, :, np.newaxis]


def painted_mask(alpha: np.ndarray, side: int) -> np.ndarray:
    """What a user has painted, by the picture's own pixels: missing if half of one is painted.

    Args:
      alpha: uint8 `[height, width]` of the canvas, not 0 where it is painted.
      side: of the picture.

    Returns:
      uint8 `[side, side, 1]`.
    """
    height, width = alpha.shape
    rows, columns = (np.arange(size) * side // size for size in (height, width))
    shares = np.zeros((2, side, side))
    np.add.at(shares[0], (rows[:, np.newaxis], columns[np.newaxis]), alpha > 0)
    np.add.at(shares[1], (rows[:, np.newaxis], columns[np.newaxis]), 1)
    return (shares[0] >= np.maximum(shares[1], 1) / 2).astype(np.uint8)[:, :, np.newaxis]


def completed(
    run: OpenRun,
    picture: np.ndarray,
    mask: np.ndarray,
    labels: Labels,
    seed: int,
    search: Search,
) -> Shown:
    """A picture without what is missing, completed in several ways.

    Args:
      run: that completes, or searches.
      picture: uint8 `[height, width, channels]`.
      mask: uint8 `[height, width, 1]`, 1 where a pixel is missing.
      labels: that it has, -1 where not known.
      seed: of the first way; the others have the seeds after it.
      search: of the search of a run that generates whole pictures, but for its seed.

    Raises:
      RefusedError: nothing is missing, or nothing is known.
    """
    if not mask.any():
        raise RefusedError("nothing is missing yet: paint over what is to be redrawn")
    if mask.all():
        raise RefusedError("all of it is missing: leave something to go by")
    known = np.where(mask, np.uint8(0), picture)[np.newaxis]
    masks, rows = mask[np.newaxis], run.rows(labels)
    seeds = range(seed, seed + WAYS)
    found = inpainting.completions(run.trained, known, masks, rows, seeds, search)
    searched = [] if run.completes else search_flags(replace(search, seed=0))
    arguments = (
        *run.arguments,
        "--input=picture.npz",
        f"--num={WAYS}",
        f"--seed={seed}",
        *searched,
        "--output=completed.png",
    )
    given = arrays(images=known, masks=masks, labels=rows)
    return Shown(
        found[0],
        tuple(f"seed {each}" for each in seeds),
        Command("inpaint", arguments, {"picture.npz": given}),
    )
