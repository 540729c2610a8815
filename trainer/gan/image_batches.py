"""How many images are computed at once where none are learnt from."""

from __future__ import annotations

import math

SAMPLED = 128  # of images up to this size
_PIXELS = 64 * 64


def size(image_shape: tuple[int, int, int]) -> int:
    """Images that are generated at once: so many that those of any size take about the same memory.

    A function of nothing else, so that the bits of an image do not depend on how many are asked
    for.
    """
    return SAMPLED * _PIXELS // max(_PIXELS, math.prod(image_shape[:2]))


def size_of_search(image_shape: tuple[int, int, int], count: int) -> int:
    """Images whose latents are searched at once: a quarter, for what gradients need is kept.

    Args:
      image_shape: of one.
      count: of all; where they are fewer, the next power of two.
    """
    return min(max(1, size(image_shape) // 4), 1 << (count - 1).bit_length())
