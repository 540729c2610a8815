"""Metrics of completions: of the pixels that were missing alone, in grey levels from 0 to 255."""

from __future__ import annotations

import numpy as np

WHITE = 255.0


def psnr(completed: np.ndarray, pictures: np.ndarray, masks: np.ndarray) -> float:
    """The peak signal to noise ratio where pixels are missing, in dB: the mean over pictures.

    Args:
      completed: uint8 `[N, height, width, channels]`.
      pictures: as they are, of the same shape.
      masks: `[N, height, width, 1]`, 1 where a pixel is missing, somewhere in each.

    Raises:
      ValueError: a picture has no missing pixel.
    """
    errors = completed.astype(np.float32) - pictures
    of_each = _mean_of_missing(errors**2, masks)
    return float(np.mean(10 * np.log10(WHITE**2 / np.maximum(of_each, 1 / WHITE**2))))


def spread(completions: np.ndarray, masks: np.ndarray) -> float:
    """The standard deviation of completions of one picture where pixels are missing.

    The root of a picture's mean variance over its missing pixels; the mean over pictures.

    Args:
      completions: uint8 `[several, N, height, width, channels]`.
      masks: `[N, height, width, 1]`, 1 where a pixel is missing, somewhere in each.

    Raises:
      ValueError: a picture has no missing pixel.
    """
    variances = completions.astype(np.float32).var(axis=0, ddof=1)
    return float(np.mean(np.sqrt(_mean_of_missing(variances, masks))))


def _mean_of_missing(values: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Means over each picture's missing pixels: `[N]`."""
    missing = masks.astype(np.float32)
    counts = missing.sum(axis=(1, 2, 3)) * values.shape[3]
    if not counts.all():
        raise ValueError(f"picture {int(np.argmin(counts))} has no missing pixel")
    return np.asarray((values * missing).sum(axis=(1, 2, 3)) / counts)
