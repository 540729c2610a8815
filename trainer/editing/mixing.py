"""Style mixing (Karras et al. 2018, arXiv:1812.04948): layers of two images' styles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trainer.editing.codes import Codes


def mixed(rows: Codes, columns: Codes, layers: Sequence[int]) -> Codes:
    """Each of one set with each of another: a grid, row by row.

    Latents and labels are those of the rows: what the layers are made of that stay the rows'. By
    another label, the columns' layers change by what lies between it and the row's.

    Args:
      rows: with styles `[R, layers, size]`, which the images keep in all other layers.
      columns: with styles `[C, layers, size]`.
      layers: of the columns' styles.

    Returns:
      `[R * C]` codes.
    """
    assert rows.styles is not None and columns.styles is not None
    grid = rows.rows(np.repeat(np.arange(len(rows)), len(columns)))
    assert grid.styles is not None
    styles, chosen = grid.styles.copy(), list(layers)
    styles[:, chosen] = np.tile(columns.styles, (len(rows), 1, 1))[:, chosen]
    return replace(grid, styles=styles)


def fine_layers(layers: int) -> list[int]:
    """The finer half of so many, and at least one."""
    return list(range(max(layers // 2, min(layers - 1, 1)), layers))
