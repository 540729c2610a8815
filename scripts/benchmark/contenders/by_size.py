"""Ours, or its feeding alone, on coloured pictures of any size, resident or in a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from scripts.benchmark.contenders import Train, ours
from scripts.benchmark.contenders import feeding as feeding_alone
from trainer.data import feeding

_PART = 10_000  # pictures
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
    """Noise in a file that is mapped into memory, written a part at a time."""
    path = Path(_folder.name, "pictures.npy")
    shape = (number, side, side, 3)
    written = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    rng = np.random.default_rng(0)
    for first in range(0, number, _PART):
        part = written[first : first + _PART]
        part[:] = rng.integers(0, 256, part.shape, np.uint8)
    written.flush()
    return np.load(path, mmap_mode="r")
