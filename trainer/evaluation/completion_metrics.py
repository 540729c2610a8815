"""Metrics of completions: of the pixels that were missing alone."""

from __future__ import annotations

import numpy as np

from trainer.data.psnr import mean_of_counted, psnr


def mean_psnr(completed: np.ndarray, pictures: np.ndarray, masks: np.ndarray) -> float:
    """The peak signal to noise ratio where pixels are missing, in dB: the mean over pictures.

    Args:
      completed: uint8 `[N, height, width, channels]`.
      pictures: as they are, of the same shape.
      masks: `[N, height, width, 1]`, 1 where a pixel is missing, somewhere in each.

    Raises:
      ValueError: a picture has no missing pixel.
    """
    return float(psnr(completed, pictures, masks).mean())


def spread(completions: np.ndarray, masks: np.ndarray) -> float:
    """The standard deviation of completions of one picture where pixels are missing.

    The root of a picture's mean variance over its missing pixels; the mean over pictures, in grey
    levels from 0 to 255.

    Args:
      completions: uint8 `[several, N, height, width, channels]`.
      masks: `[N, height, width, 1]`, 1 where a pixel is missing, somewhere in each.

    Raises:
      ValueError: a picture has no missing pixel.
    """
    variances = completions.astype(np.float32).var(axis=0, ddof=1)
    return float(np.mean(np.sqrt(mean_of_counted(variances, masks))))
