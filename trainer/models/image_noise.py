"""Noise that a style-based generator adds to its layers, a number a pixel: an input of its own.

(Karras et al. 2018, arXiv:1812.04948.) Who calls the network decides whether it is drawn, seeded or
the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import layers

from trainer.randomness import BatchRng

INPUT = "noise"


def planes(sides: Sequence[tuple[int, int]]):
    """The input, `[N, pixels of all sides]`, and its parts, `[N, height, width, 1]` each."""
    sizes = [height * width for height, width in sides]
    noise = keras.Input((sum(sizes),), name=INPUT)
    column = layers.Reshape((sum(sizes), 1), dtype="float32", name="noise_column")(noise)
    parts, before = [], 0
    for number, (size, shape) in enumerate(zip(sizes, sides, strict=True)):
        cropping = (before, sum(sizes) - before - size)
        part = layers.Cropping1D(cropping, dtype="float32", name=f"noise{number}_part")(column)
        parts.append(layers.Reshape((*shape, 1), dtype="float32", name=f"noise{number}")(part))
        before += size
    return noise, parts


def size(generator: keras.Model) -> int:
    """Numbers that the generator takes for an image; 0: none."""
    return sum(each.shape[1] for each in generator.inputs if each.name == INPUT)


def drawn(generator: keras.Model, rng: BatchRng, stream: str) -> tf.Tensor | None:
    """Noise for the rows of a batch: float32 `[rows, size]`; None where there is none."""
    numbers = size(generator)
    return rng.normal(f"{stream}noise", numbers) if numbers else None


def fixed(
    generator: keras.Model, rows: int | tf.Tensor, first: int | tf.Tensor = 0
) -> tf.Tensor | None:
    """The same whenever it is asked for: that of an image depends on its number alone.

    Args:
      generator: that takes it.
      rows: images that are drawn at once.
      first: the number of the first of them among all that are drawn.

    Returns:
      Float32 `[rows, size]`; None where there is none.
    """
    return drawn(generator, BatchRng(0, 0, first, rows), "fixed/")


def numbered(generator: keras.Model, numbers: tf.Tensor) -> tf.Tensor | None:
    """The same of images of any numbers, integers `[N]`; slower."""
    if not size(generator):
        return None
    signature = tf.TensorSpec([1, size(generator)], tf.float32)
    of_each = tf.map_fn(
        lambda number: fixed(generator, 1, number),
        tf.cast(numbers, tf.int64),
        fn_output_signature=signature,
    )
    return of_each[:, 0]
