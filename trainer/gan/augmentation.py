"""DiffAugment: what happens to all images that the discriminator sees, differentiably.

Zhao et al. 2020 (arXiv:2006.10738). Flips are left out: shoes face one way.
"""

from __future__ import annotations

import tensorflow as tf

from trainer.randomness import Draws

TRANSLATION = 1 / 8  # the longest way, as a share of the side
CUTOUT = 1 / 2  # side of the square, as a share of the image's


def augment(names: str, images: tf.Tensor, background: float, draws: Draws, call: str) -> tf.Tensor:
    """Augments each image by draws of its own.

    Args:
      names: of `AUGMENTATIONS`, joined by commas; none if empty.
      images: `[N, height, width, channels]`.
      background: the value of what is moved in or cut out.
      draws: the random numbers of these rows.
      call: names this use, so that real and fake images get different draws.

    Returns:
      Images of the same shape.
    """
    for name in filter(None, names.split(",")):
        shift = images - background
        images = AUGMENTATIONS[name](shift, draws, f"{call}/{name}") + background
    return images


def _translation(images: tf.Tensor, draws: Draws, stream: str) -> tf.Tensor:
    """Moves each image by up to an eighth of its sides; zeros come in."""
    _, height, width, _ = images.shape
    down, right = tf.unstack(draws.uniform(stream, 2), axis=1)
    rows, columns = _moving(height, down), _moving(width, right)
    return tf.einsum("nij,njkc,nlk->nilc", rows, images, columns)


def _moving(side: int, draw: tf.Tensor) -> tf.Tensor:
    """Matrices `[N, side, side]` that move a column of pixels."""
    most = int(side * TRANSLATION + 0.5)
    way = tf.cast(tf.floor(draw * (2 * most + 1)), tf.int32) - most
    return tf.one_hot(tf.range(side)[tf.newaxis] - way[:, tf.newaxis], side)


def _cutout(images: tf.Tensor, draws: Draws, stream: str) -> tf.Tensor:
    """Zeroes a square of half the sides around a place anywhere in each image."""
    _, height, width, _ = images.shape
    down, right = tf.unstack(draws.uniform(stream, 2), axis=1)
    rows, columns = _hole(height, down), _hole(width, right)
    hole = rows[:, :, tf.newaxis, tf.newaxis] * columns[:, tf.newaxis, :, tf.newaxis]
    return images * (1 - hole)


def _hole(side: int, draw: tf.Tensor) -> tf.Tensor:
    """Ones where the square lies along a side, `[N, side]`."""
    length = int(side * CUTOUT + 0.5)
    centre = tf.floor(draw * (side + (1 - length % 2)))[:, tf.newaxis]
    places = tf.range(side, dtype=tf.float32)[tf.newaxis]
    first = centre - length // 2
    return tf.cast((places >= first) & (places < first + length), tf.float32)


AUGMENTATIONS = {"translation": _translation, "cutout": _cutout}
