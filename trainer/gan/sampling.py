"""Sampling from a generator: seeded latents, labels in a cycle, batches of one size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from trainer.configuration.config import Recipe
from trainer.data import labels, pixels
from trainer.data.labels import Labels
from trainer.gan import image_batches
from trainer.models.architectures import ARCHITECTURES
from trainer.randomness import BatchRng
from trainer.system import activity

_PART = 4096  # latents that are made at once


def latents(
    recipe: Recipe,
    seed: int | tf.Tensor,
    first: int,
    count: int | tf.Tensor,
    truncation: float | None = None,
) -> tf.Tensor:
    """The latents of images `first` to `first + count` of a seed: `[count, noise_dim]`.

    With truncation, from a normal distribution truncated at so many standard deviations (Brock et
    al. 2018, arXiv:1809.11096), each at the quantile of the untruncated latent.
    """
    normal = BatchRng(seed, 0, first, count).normal("generate", recipe.networks.noise_dim)
    if truncation is None:
        return normal
    probability = tf.math.erf(tf.constant(truncation / math.sqrt(2), tf.float64))
    centred = probability * tf.math.erf(tf.cast(normal, tf.float64) / math.sqrt(2))
    return tf.cast(math.sqrt(2) * tf.math.erfinv(centred), tf.float32)


def latents_in_parts(
    recipe: Recipe, num: int, seed: int, truncation: float | None
) -> Iterator[np.ndarray]:
    """The latents of the first images of a seed, some after the others."""
    for first in range(0, num, _PART):
        yield latents(recipe, seed, first, min(_PART, num - first), truncation).numpy()


def between(start: tf.Tensor, end: tf.Tensor, weight: float) -> tf.Tensor:
    """Spherical interpolation of latents (Shoemake 1985), of their directions; lengths linearly."""
    lengths = tf.norm(start), tf.norm(end)
    cosine = tf.reduce_sum(start * end) / (lengths[0] * lengths[1])
    angle = tf.acos(tf.clip_by_value(cosine, -0.9999, 0.9999))
    shares = tf.sin((1 - weight) * angle), tf.sin(weight * angle)
    direction = shares[0] * start / lengths[0] + shares[1] * end / lengths[1]
    return ((1 - weight) * lengths[0] + weight * lengths[1]) * direction / tf.sin(angle)


def cycled_labels(
    cycle: Sequence[Labels] | np.ndarray, first: int, count: int | tf.Tensor
) -> tf.Tensor:
    """The labels of images `first` to `first + count`: int32 `[count, attributes]`."""
    return tf.gather(tf.constant(cycle, tf.int32), (tf.range(count) + first) % len(cycle))


def labels_by_row(real_labels: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Labels of a grid, a value of the first attribute in each row: `[rows * columns, attributes]`.

    All other attributes are those of real images with that value.

    Args:
      real_labels: of real images, integers `[N, attributes]`.
      rows: of the grid.
      columns: of the grid.
    """
    if not real_labels.shape[1]:
        return np.zeros((rows * columns, 0), np.int64)
    grid = np.full((rows, columns, real_labels.shape[1]), labels.NOT_GIVEN, np.int64)
    for row, cells in enumerate(grid):
        shown = real_labels[real_labels[:, 0] == row]
        if len(shown):
            cells[:] = shown[np.arange(columns) % len(shown)]
        cells[:, 0] = row
    return grid.reshape(rows * columns, -1)


def sample_batches(
    generate: Callable[..., tf.Tensor],
    recipe: Recipe,
    num: int,
    seed: int,
    cycle: Sequence[Labels] | np.ndarray | None,
    truncation: float | None = None,
) -> Iterator[np.ndarray]:
    """Generates images in batches of one size, with a cycle of labels.

    Args:
      generate: makes images of latents, labels and the number of the first, in a graph.
      recipe: of its training.
      num: images in all.
      seed: decides the latents.
      cycle: from `asked_labels.cycle`, or as many rows as images; None: no labels are asked for.
      truncation: of the latents.

    Yields:
      uint8 `[N, height, width, channels]`.
    """
    pixel_min = ARCHITECTURES[recipe.networks.architecture].pixel_min
    batch = image_batches.size(recipe.data.image_shape)
    if cycle is None:
        cycle = [(labels.NOT_GIVEN,) * len(recipe.data.attributes)]
    for first in activity.each(range(0, num, batch), "drawing images"):
        noise = latents(recipe, seed, first, batch, truncation)
        asked, number = cycled_labels(cycle, first, batch), tf.constant(first, tf.int64)
        images = generate(noise, asked, first=number).numpy()
        yield pixels.to_bytes(images[: num - first], pixel_min)


def concatenated(batches: Iterator[np.ndarray], num: int) -> np.ndarray:
    """The rows of batches, `num` in all, in one array; two copies of them are never there."""
    first = next(batches)
    found = np.empty((num, *first.shape[1:]), first.dtype)
    found[: len(first)] = first
    done = len(first)
    for batch in batches:
        found[done : done + len(batch)] = batch
        done += len(batch)
    return found


def labels_as_in(recipe: Recipe, real_labels: np.ndarray, num: int, seed: int) -> np.ndarray | None:
    """Labels for `num` images, as often as among the training images; None: without labels.

    In a cycle where there is one attribute of which all values are equally frequent, else rows of
    the training images' labels, drawn by the seed.

    Args:
      recipe: a run's.
      real_labels: of its training images, integers `[N, attributes]`, -1 where not given.
      num: images.
      seed: 0 or more.

    Returns:
      int64 `[num, attributes]`.
    """
    if not recipe.networks.conditional:
        return None
    if real_labels.shape[1] == 1 and real_labels.min() >= 0:
        counts = np.bincount(real_labels[:, 0], minlength=recipe.data.label_sizes[0])
        if np.ptp(counts) == 0:
            return np.arange(num)[:, np.newaxis] % len(counts)
    rng = np.random.Generator(np.random.Philox(key=seed))
    return np.asarray(real_labels[rng.integers(len(real_labels), size=num)], np.int64)
