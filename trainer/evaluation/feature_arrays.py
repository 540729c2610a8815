"""Checks of the arrays that metrics are computed from, and iteration over them in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_BLOCK_ELEMENTS = 4_000_000  # in memory at once: 32 MB of float64


def checked_features(minimum: int, **named: np.ndarray) -> list[np.ndarray]:
    """Checks arrays of features and converts them to float64.

    Args:
      minimum: how many examples each array must have at least.
      named: floats `[N, D]`; N may differ between arrays, D may not.

    Raises:
      ValueError: an array has too few examples, another shape, or values that are not finite.
    """
    shapes = {name: np.shape(array) for name, array in named.items()}
    if {len(shape) for shape in shapes.values()} != {2} or len({d for _, d in shapes.values()}) > 1:
        raise ValueError(f"features must be [N, D] with one D, but are {shapes}")
    for name, array in named.items():
        if len(array) < minimum:
            raise ValueError(f"{name}: at least {minimum} examples are needed, not {len(array)}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: features must be finite")
    return [np.asarray(array, np.float64) for array in named.values()]


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Consecutive slices of rows, each of about `_BLOCK_ELEMENTS` elements at most."""
    height = max(1, _BLOCK_ELEMENTS // columns)
    for first in range(0, rows, height):
        yield slice(first, min(first + height, rows))
