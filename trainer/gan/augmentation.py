"""DiffAugment: differentiable augmentation of all images that the discriminator is given.

Zhao et al. 2020 (arXiv:2006.10738). Flips are left out: shoes face one way.
"""

from __future__ import annotations

import tensorflow as tf

from trainer.randomness import BatchRng

TRANSLATION = 1 / 8  # the largest shift, as a fraction of the side
CUTOUT = 1 / 2  # side of the square, as a fraction of the image's


def augment(
    names: str, images: tf.Tensor, background: float, rng: BatchRng, stream: str
) -> tf.Tensor:
    """Augments each image by random numbers of its own.

    Args:
      names: of `AUGMENTATIONS`, joined by commas; none if empty.
      images: `[N, height, width, channels]`.
      background: the value of pixels that are shifted in or cut out.
      rng: the random numbers of these rows.
      stream: names this use, so that real and fake images get different numbers.

    Returns:
      Images of the same shape.
    """
    for name in filter(None, names.split(",")):
        relative = images - background
        images = AUGMENTATIONS[name](relative, rng, f"{stream}/{name}") + background
    return images


def _translation(images: tf.Tensor, rng: BatchRng, stream: str) -> tf.Tensor:
    """Shifts each image by up to an eighth of its sides; zeros come in."""
    _, height, width, _ = images.shape
    vertical, horizontal = tf.unstack(rng.uniform(stream, 2), axis=1)
    rows, columns = _shift_matrices(height, vertical), _shift_matrices(width, horizontal)
    return tf.einsum("nij,njkc,nlk->nilc", rows, images, columns)


def _shift_matrices(side: int, uniform: tf.Tensor) -> tf.Tensor:
    """Matrices `[N, side, side]` that shift a column of pixels."""
    limit = int(side * TRANSLATION + 0.5)
    shift = tf.cast(tf.floor(uniform * (2 * limit + 1)), tf.int32) - limit
    return tf.one_hot(tf.range(side)[tf.newaxis] - shift[:, tf.newaxis], side)


def _cutout(images: tf.Tensor, rng: BatchRng, stream: str) -> tf.Tensor:
    """Zeroes a square of half the sides, centred anywhere in each image."""
    _, height, width, _ = images.shape
    vertical, horizontal = tf.unstack(rng.uniform(stream, 2), axis=1)
    rows, columns = _cut_positions(height, vertical), _cut_positions(width, horizontal)
    mask = rows[:, :, tf.newaxis, tf.newaxis] * columns[:, tf.newaxis, :, tf.newaxis]
    return images * (1 - mask)


def _cut_positions(side: int, uniform: tf.Tensor) -> tf.Tensor:
    """Ones at the positions of the square along a side, `[N, side]`."""
    length = int(side * CUTOUT + 0.5)
    centre = tf.floor(uniform * (side + (1 - length % 2)))[:, tf.newaxis]
    positions = tf.range(side, dtype=tf.float32)[tf.newaxis]
    first = centre - length // 2
    return tf.cast((positions >= first) & (positions < first + length), tf.float32)


AUGMENTATIONS = {"translation": _translation, "cutout": _cutout}
