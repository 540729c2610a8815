"""Ours, or its feeding alone, on coloured pictures of any size, resident or in a file."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np

from scripts.benchmark.contenders import Train, ours
from scripts.benchmark.contenders import feeding as feeding_alone
from trainer.data import feeding

_PART_BYTES = 2**24
SET_BYTES = 2**28  # of pixels; whatever their content, they take as long

_folder = tempfile.TemporaryDirectory()  # until the process ends


def prepare(
    images: np.ndarray,
    batch_size: int,
    precision: str,
    given: list[str],
    side: int,
    streamed: bool,
    trained: bool,
    number: int = 0,
) -> Train:
    """See `scripts.benchmark.contenders`.

    Args:
      images: unused.
      batch_size: see there.
      precision: see there.
      given: of `fashion-gan train`, the size among them.
      side: of the pictures.
      streamed: whether they stay in a file, as those of a large set do.
      trained: whether there is more to do than feeding.
      number: of pictures; 0: as many as have `SET_BYTES`.
    """
    del images
    pictures = _mapped(side, number or SET_BYTES // (3 * side**2))
    feeding.RESIDENT_BYTES = 0 if streamed else pictures.nbytes
    if trained:
        return ours.prepare(pictures, batch_size, precision, given)
    return feeding_alone.prepare(pictures, batch_size, precision)


def _mapped(side: int, number: int) -> np.ndarray:
    """Noise in a file that is mapped into memory.

    Written a part at a time, and not through the mapping, whose pages would count as this process's
    memory.
    """
    path = Path(_folder.name, "pictures.npy")
    shape = (number, side, side, 3)
    header = np.lib.format.header_data_from_array_1_0(np.empty(0, np.uint8)) | {"shape": shape}
    rng, left = np.random.default_rng(0), math.prod(shape)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        while left:
            size = min(left, _PART_BYTES)
            file.write(rng.bytes(size))
            left -= size
    return np.load(path, mmap_mode="r")
