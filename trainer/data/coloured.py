"""Images of one channel in eight colours: each image has the one that its digest says."""

from __future__ import annotations

import hashlib

import numpy as np

from trainer.data.datasets import COLOURS, Arrays

_RGB = np.array(list(COLOURS.values()), np.float32) / 255


def load(images: np.ndarray, labels: np.ndarray) -> Arrays:
    """Colours images.

    Args:
      images: uint8 `[N, height, width, 1]`.
      labels: int64 `[N]`.

    Returns:
      uint8 `[N, height, width, 3]`, and int64 `[N, 2]`: the labels, and the colours' numbers.
    """
    digests = (hashlib.sha256(image.tobytes()).digest() for image in images)
    colours = np.array([digest[0] % len(COLOURS) for digest in digests], np.int64)
    painted = np.empty((*images.shape[:3], 3), np.uint8)
    for number, rgb in enumerate(_RGB):
        rows = colours == number
        painted[rows] = np.rint(images[rows] * rgb).astype(np.uint8)
    return painted, np.stack([labels, colours], axis=1)


def nearest(images: np.ndarray) -> np.ndarray:
    """The colour that images have by their hue, whoever made them.

    Args:
      images: uint8 `[N, height, width, 3]`.

    Returns:
      int64 `[N]`: the number of the colour whose direction the sum of the pixels is nearest to.
    """
    sums = images.sum(axis=(1, 2), dtype=np.float64)
    directions = _RGB / np.linalg.norm(_RGB, axis=1, keepdims=True)
    return (sums @ directions.T).argmax(axis=1)
