"""Image grids and PNG files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from trainer.system import file_system

_MARGIN = 2  # pixels around each image of a grid
_FRAME_MILLISECONDS = 80
_ZOOM = 2  # of a grid of small images, so that they can be seen
_SMALL_SIDE = 64


def grid(images: np.ndarray, columns: int = 0) -> np.ndarray:
    """Images side by side on white.

    Args:
      images: uint8 `[N, height, width, channels]`.
      columns: images in a row; 0: so many that the grid is about as wide as high.

    Returns:
      uint8 `[grid height, grid width, channels]`.
    """
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    cell = (height + 2 * _MARGIN, width + 2 * _MARGIN)
    canvas = np.full((rows * cell[0], columns * cell[1], channels), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * cell[0] + _MARGIN, index % columns * cell[1] + _MARGIN
        canvas[top : top + height, left : left + width] = image
    zoom = _ZOOM if height <= _SMALL_SIDE else 1
    return canvas.repeat(zoom, axis=0).repeat(zoom, axis=1)


def rows(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A grid with a row for each label, in their order; white where a row has fewer images.

    Args:
      images: uint8 `[N, height, width, channels]`.
      labels: int `[N]`.
    """
    of_label = [images[labels == label] for label in dict.fromkeys(labels.tolist())]
    columns = max(map(len, of_label))
    cells = np.full((len(of_label), columns, *images.shape[1:]), 255, np.uint8)
    for row, some in zip(cells, of_label, strict=True):
        row[: len(some)] = some
    return grid(cells.reshape(-1, *images.shape[1:]), columns)


def write_gif(path: Path, frames: Sequence[np.ndarray]) -> None:
    """Writes uint8 `[height, width, 1 or 3]` frames that repeat for ever."""
    pictures = [
        Image.fromarray(frame.squeeze(-1) if frame.shape[-1] == 1 else frame) for frame in frames
    ]
    file_system.write_atomically(
        path,
        lambda temporary: pictures[0].save(
            temporary,
            "GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=_FRAME_MILLISECONDS,
            loop=0,
        ),
    )


def write_png(path: Path, image: np.ndarray) -> None:
    """Writes uint8 `[height, width, 1 or 3]`."""
    file_system.write_atomically(
        path, lambda temporary: temporary.write_bytes(tf.io.encode_png(image).numpy())
    )
