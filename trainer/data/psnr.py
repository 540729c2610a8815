"""The peak signal to noise ratio of pictures that were drawn again or completed."""

from __future__ import annotations

import math

import numpy as np

WHITE = 255.0
_BLOCK_PIXELS = 2**21  # whose differences, in float64, are there at once


def psnr(images: np.ndarray, others: np.ndarray, counted: np.ndarray | None = None) -> np.ndarray:
    """Peak signal to noise ratios in dB, 96 of pictures that do not differ: float64 `[N]`.

    Args:
      images: uint8 `[N, height, width, channels]`.
      others: of the same shape.
      counted: `[N, height, width, 1]`, 1 where a pixel counts, somewhere in each; None: everywhere.

    Raises:
      ValueError: no pixel of a picture counts.
    """
    if counted is None:
        counted = np.ones_like(images[:1, ..., :1])
    counted = np.broadcast_to(counted, (*images.shape[:-1], 1))
    errors = np.empty(len(images))
    at_once = max(1, _BLOCK_PIXELS // math.prod(images.shape[1:]))
    for first in range(0, len(images), at_once):
        block = slice(first, first + at_once)
        squares = np.square(images[block].astype(np.float64) - others[block])
        errors[block] = _means(squares, counted[block], first)
    return 10 * np.log10(WHITE**2 / np.maximum(errors, 1 / WHITE**2))


def mean_of_counted(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Means over the pixels of each picture that count: `[N]`.

    Args:
      values: `[N, height, width, channels]`.
      counted: as for `psnr`.

    Raises:
      ValueError: no pixel of a picture counts.
    """
    return _means(values, counted, 0)


def _means(values: np.ndarray, counted: np.ndarray, first: int) -> np.ndarray:
    """Means as of `mean_of_counted`, of pictures of which the first has this number."""
    weights = counted.astype(np.float32)
    counts = weights.sum(axis=(1, 2, 3)) * values.shape[3]
    if not counts.all():
        raise ValueError(f"picture {first + int(np.argmin(counts))} has no pixel that counts")
    return np.asarray((values * weights).sum(axis=(1, 2, 3)) / counts)
