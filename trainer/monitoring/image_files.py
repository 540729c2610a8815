"""Images as files: PNGs alone or in folders, animations, and what is too large for either."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from trainer.monitoring import image_grids
from trainer.plurals import counted
from trainer.system import file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

_FRAME_MILLISECONDS = 80
# Of a side, by the kind of file; TensorFlow's PNGs have a million at most, names included.
_MOST_PIXELS = {".png": 990_000, ".gif": 65_535}
_MOST_VALUES = 2**31 - 10**8  # of a picture; TensorFlow's PNGs have 2 ** 31, names included


def check_size(
    rows: int, columns: int, image_shape: tuple[int, int, int], suffix: str = ".png"
) -> None:
    """Refuses a grid that no file of the kind can hold, before its images are made.

    Args:
      rows: of the grid.
      columns: of the grid.
      image_shape: height, width and channels of an image.
      suffix: of the file, .png or .gif.

    Raises:
      RefusedError: with what to do.
    """
    high, wide = image_grids.size(rows, columns, image_shape)
    if max(high, wide) > _MOST_PIXELS[suffix] or high * wide * image_shape[2] > _MOST_VALUES:
        raise RefusedError(
            f"{rows} rows of {columns} images are more than a {suffix} can hold: ask for fewer at "
            "once, or make --output an .npz, or a folder where the command takes one"
        )


def write_gif(
    path: Path, frames: Sequence[np.ndarray], milliseconds: int = _FRAME_MILLISECONDS, rest: int = 0
) -> None:
    """Writes uint8 `[height, width, 1 or 3]` frames that repeat for ever.

    Args:
      path: of the file.
      frames: all of one shape.
      milliseconds: of each frame.
      rest: more of them, of the last frame.
    """
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
            duration=[milliseconds] * (len(pictures) - 1) + [milliseconds + rest],
            loop=0,
        ),
    )


def write_folder(folder: Path, images: Iterable[tuple[str, np.ndarray]]) -> None:
    """Writes images by their names, and says which others there are beside them.

    Args:
      folder: that there may be already.
      images: names without suffix, and uint8 `[height, width, channels]`.
    """
    written = set()
    for name, image in images:
        path = folder / f"{name}.png"
        write_png(path, image)
        written.add(path)
    for place in sorted({path.parent for path in written}):
        others = sorted(set(place.glob("*.png")) - written)
        if others:
            log.warning(
                "%s holds %s, which stay there (%s, ...)",
                *(place, counted(len(others), "other picture"), others[0].name),
            )


def write_png(path: Path, image: np.ndarray) -> None:
    """Writes uint8 `[height, width, 1 or 3]`."""
    file_system.write_atomically(
        path, lambda temporary: temporary.write_bytes(tf.io.encode_png(image).numpy())
    )
