"""Masks: which pixels of pictures are missing, drawn for their places in the batch.

float32 `[rows, height, width, 1]`, 1 where a pixel is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from trainer.randomness import BatchRng

SCATTERED_SHARE = 0.75  # of the pixels, each by itself
_BOX = (0.3, 0.7)  # shares of a side
_STROKES = 4
_LENGTH = (0.3, 1.0)  # of a stroke, in sides
_THICKNESS = (0.05, 0.12)  # on either side of its line, in sides
_NUMBERS = 5 * _STROKES  # uniform ones that a mask takes at most, but for scattered ones


def drawn(kinds: Sequence[str], rng: BatchRng, stream: str, height: int, width: int) -> tf.Tensor:
    """Masks of these kinds, each equally often.

    Args:
      kinds: names in `MASKS`.
      rng: the random numbers of the rows.
      stream: prefix of the random streams.
      height: in pixels.
      width: in pixels.
    """
    numbers = rng.uniform(f"{stream}mask", _NUMBERS)
    kind = tf.cast(rng.uniform(f"{stream}kind", 1)[:, 0] * len(kinds), tf.int32)
    y, x = tf.meshgrid(
        (tf.range(height, dtype=tf.float32) + 0.5) / height,
        (tf.range(width, dtype=tf.float32) + 0.5) / width,
        indexing="ij",
    )
    masks = tf.zeros([rng.rows, height, width], tf.bool)
    for number, name in enumerate(kinds):
        of_kind = (
            _scattered(rng, stream, height, width)
            if name == SCATTERED
            else _SHAPES[name](numbers, y, x)
        )
        masks |= of_kind & (kind == number)[:, tf.newaxis, tf.newaxis]
    return tf.cast(masks, tf.float32)[..., tf.newaxis]


# Of numbers `[rows, _NUMBERS]` in [0, 1) and the pixels' places in the unit square, `[height,
# width]` each, the missing pixels: bool `[rows, height, width]`.
_Shape = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def _centre(numbers: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """A square in the middle, of half a side."""
    inside = (abs(y - 0.5) < 0.25) & (abs(x - 0.5) < 0.25)
    return tf.tile(inside[tf.newaxis], [tf.shape(numbers)[0], 1, 1])


def _box(numbers: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """A rectangle anywhere."""
    high, wide, top, left = _columns(numbers, 4)
    high, wide = _between(high, *_BOX), _between(wide, *_BOX)
    top, left = top * (1 - high), left * (1 - wide)
    return (y >= top) & (y < top + high) & (x >= left) & (x < left + wide)


def _half(numbers: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """The upper, lower, left or right half."""
    which = tf.floor(_columns(numbers, 1)[0] * 4)
    place = tf.where(which < 2, y, x)
    return tf.where(which % 2 == 0, place < 0.5, place >= 0.5)


def _strokes(numbers: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Thick lines (as Suvorov et al. 2021, arXiv:2109.07161, have them)."""
    missing = tf.zeros([1, 1, 1], tf.bool)
    for number in range(_STROKES):
        of_stroke = numbers[:, 5 * number : 5 * number + 5]
        start_y, start_x, angle, length, thickness = _columns(of_stroke, 5)
        angle, length = angle * 6.2831853, _between(length, *_LENGTH)
        along_y, along_x = tf.sin(angle), tf.cos(angle)
        from_y, from_x = y - start_y, x - start_x
        along = tf.clip_by_value(from_y * along_y + from_x * along_x, 0.0, length)
        distance = tf.square(from_y - along * along_y) + tf.square(from_x - along * along_x)
        missing |= distance < tf.square(_between(thickness, *_THICKNESS))
    return missing


def _scattered(rng: BatchRng, stream: str, height: int, width: int) -> tf.Tensor:
    """Most of the pixels, each by itself."""
    numbers = rng.uniform(f"{stream}scattered", height * width)
    return tf.reshape(numbers < SCATTERED_SHARE, [rng.rows, height, width])


SCATTERED = "scattered"  # which takes a number a pixel
_SHAPES: dict[str, _Shape] = {
    "centre": _centre,
    "box": _box,
    "half": _half,
    "strokes": _strokes,
}
MASKS = (*_SHAPES, SCATTERED)


def _columns(numbers: tf.Tensor, count: int) -> list[tf.Tensor]:
    """The first columns, `[rows, 1, 1]` each."""
    return [numbers[:, column, tf.newaxis, tf.newaxis] for column in range(count)]


def _between(share: tf.Tensor, least: float, most: float) -> tf.Tensor:
    return least + share * (most - least)
