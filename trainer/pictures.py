"""Image grids and PNG files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import tensorflow as tf

from trainer import storage

_MARGIN = 2  # pixels around each image of a grid
_ZOOM = 2  # of a grid, so that small images can be seen


def grid(images: np.ndarray) -> np.ndarray:
    """Images side by side on white, about as wide as high.

    Args:
      images: uint8 `[N, height, width, channels]`.

    Returns:
      uint8 `[grid height, grid width, channels]`.
    """
    count, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    cell = (height + 2 * _MARGIN, width + 2 * _MARGIN)
    canvas = np.full((rows * cell[0], columns * cell[1], channels), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * cell[0] + _MARGIN, index % columns * cell[1] + _MARGIN
        canvas[top : top + height, left : left + width] = image
    return canvas.repeat(_ZOOM, axis=0).repeat(_ZOOM, axis=1)


def write_png(path: Path, image: np.ndarray) -> None:
    """Writes uint8 `[height, width, 1 or 3]`."""
    storage.write_atomically(
        path, lambda temporary: temporary.write_bytes(tf.io.encode_png(image).numpy())
    )
