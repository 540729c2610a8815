"""Arrays that figures are computed from: whether they agree, and work on them in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_BLOCK_NUMBERS = 4_000_000  # that are in memory at once: 32 MB


def features(least: int, **named: np.ndarray) -> list[np.ndarray]:
    """Features in float64, once they agree with one another.

    Args:
      least: how many examples there must be of each.
      named: floats `[N, D]`, with an N for each and one D for all.

    Raises:
      ValueError: there are fewer examples, or they have other shapes or infinite numbers.
    """
    shapes = {name: np.shape(array) for name, array in named.items()}
    if {len(shape) for shape in shapes.values()} != {2} or len({d for _, d in shapes.values()}) > 1:
        raise ValueError(f"features must be [N, D] of one D, and are {shapes}")
    for name, array in named.items():
        if len(array) < least:
            raise ValueError(f"{name}: at least {least} examples are needed, not {len(array)}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: features must be finite")
    return [np.asarray(array, np.float64) for array in named.values()]


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Successive rows, so many at once that a block of them with these columns is small."""
    height = max(1, _BLOCK_NUMBERS // columns)
    for first in range(0, rows, height):
        yield slice(first, min(first + height, rows))
