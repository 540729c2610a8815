"""The peak signal to noise ratio of pictures that were drawn again or completed."""

from __future__ import annotations

import numpy as np

WHITE = 255.0
EQUAL = 40 * np.log10(WHITE)  # dB, which stand for those of pictures that do not differ


def psnr(images: np.ndarray, others: np.ndarray, counted: np.ndarray | None = None) -> np.ndarray:
    """Peak signal to noise ratios in dB, `EQUAL` at most: float64 `[N]`.

    Args:
      images: uint8 `[N, height, width, channels]`.
      others: of the same shape.
      counted: `[N, height, width, 1]`, 1 where a pixel counts, somewhere in each; None: everywhere.

    Raises:
      ValueError: no pixel of a picture counts.
    """
    squares = np.square(images.astype(np.float64) - others)
    if counted is None:
        counted = np.ones_like(squares[..., :1])
    errors = np.maximum(mean_of_counted(squares, counted), 1 / WHITE**2)
    return 10 * np.log10(WHITE**2 / errors)


def mean_of_counted(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Means over the pixels of each picture that count: `[N]`.

    Args:
      values: `[N, height, width, channels]`.
      counted: as for `psnr`.

    Raises:
      ValueError: no pixel of a picture counts.
    """
    weights = counted.astype(np.float32)
    counts = weights.sum(axis=(1, 2, 3)) * values.shape[3]
    if not counts.all():
        raise ValueError(f"picture {int(np.argmin(counts))} has no pixel that counts")
    return np.asarray((values * weights).sum(axis=(1, 2, 3)) / counts)
