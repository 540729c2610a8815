"""Sampling from a generator: seeded latents, labels in a cycle, batches of one size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from trainer.configuration.config import Recipe
from trainer.data import pixels
from trainer.models.architectures import ARCHITECTURES
from trainer.randomness import BatchRng
from trainer.system.exits import RefusedError

# Fixed, so that the bits of an image do not depend on how many are asked for.
SAMPLING_BATCH = 128


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


def label_cycle(recipe: Recipe, names: Sequence[str] = ()) -> list[int]:
    """The labels that successive images get, in a cycle.

    Args:
      recipe: a run's.
      names: classes by name or number; none: all of them.

    Raises:
      RefusedError: a class is unknown, or the run has none.
    """
    known = recipe.data.class_names if recipe.networks.conditional else ()
    if names and not known:
        raise RefusedError(f"--labels={','.join(names)}: this run is not conditional, leave it out")
    return [_label(name, known) for name in names] or list(range(len(known))) or [0]


def _label(name: str, known: Sequence[str]) -> int:
    """A class's number: by its name, else by its name in any case, else by its number."""
    if name in known:
        return known.index(name)
    folded = [class_name.casefold() for class_name in known]
    if folded.count(name.casefold()) == 1:
        return folded.index(name.casefold())
    if name.isdecimal() and int(name) < len(known):
        return int(name)
    listed = ", ".join(f"{number} {class_name}" for number, class_name in enumerate(known))
    raise RefusedError(f"--labels names {name!r}, which is no class; there are {listed}")


def cycled_labels(cycle: Sequence[int], first: int, count: int | tf.Tensor) -> tf.Tensor:
    """The labels of images `first` to `first + count`: int32 `[count]`."""
    return tf.gather(tf.constant(cycle, tf.int32), (tf.range(count) + first) % len(cycle))


def sample_batches(
    generate: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    recipe: Recipe,
    num: int,
    seed: int,
    cycle: Sequence[int],
    truncation: float | None = None,
) -> Iterator[np.ndarray]:
    """Generates images in batches of one size, with a cycle of labels.

    Args:
      generate: makes images of latents and labels, in a graph.
      recipe: of its training.
      num: images in all.
      seed: decides the latents.
      cycle: from `label_cycle`.
      truncation: of the latents.

    Yields:
      uint8 `[N, height, width, channels]`.
    """
    pixel_min = ARCHITECTURES[recipe.networks.architecture].pixel_min
    for first in range(0, num, SAMPLING_BATCH):
        noise = latents(recipe, seed, first, SAMPLING_BATCH, truncation)
        images = generate(noise, cycled_labels(cycle, first, SAMPLING_BATCH)).numpy()
        yield pixels.to_bytes(images[: num - first], pixel_min)


def labels_as_in(recipe: Recipe, labels: np.ndarray, num: int, seed: int) -> np.ndarray | None:
    """Labels for `num` images, as often as in the training images; None: without labels.

    In a cycle where there is one attribute of which all values are equally frequent, else rows of
    the training images' labels, drawn by the seed.

    Args:
      recipe: a run's.
      labels: of its training images, integers `[N, attributes]`, -1 where a value is missing.
      num: images.
      seed: 0 or more.

    Returns:
      int64 `[num, attributes]`.
    """
    if not recipe.networks.conditional:
        return None
    if labels.shape[1] == 1 and labels.min() >= 0:
        counts = np.bincount(labels[:, 0], minlength=len(recipe.data.attributes[0].values))
        if np.ptp(counts) == 0:
            return np.arange(num)[:, np.newaxis] % len(counts)
    rng = np.random.Generator(np.random.Philox(key=seed))
    return np.asarray(labels[rng.integers(len(labels), size=num)], np.int64)


def sample_labelled(
    generate: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    recipe: Recipe,
    labels: np.ndarray | None,
    num: int,
    seed: int,
) -> Iterator[np.ndarray]:
    """Generates `num` images in batches of one size, each by a label of its own.

    Args:
      generate: makes images of latents and labels, in a graph.
      recipe: of its training.
      labels: integers `[num, attributes]`; None: without.
      num: images in all.
      seed: decides the latents.

    Yields:
      uint8 `[N, height, width, channels]`.
    """
    pixel_min = ARCHITECTURES[recipe.networks.architecture].pixel_min
    if labels is None:
        labels = np.zeros((num, 1), np.int64)
    for first in range(0, num, SAMPLING_BATCH):
        noise = latents(recipe, seed, first, SAMPLING_BATCH)
        batch = np.resize(labels[first : first + SAMPLING_BATCH], (SAMPLING_BATCH, labels.shape[1]))
        images = generate(noise, tf.constant(batch[:, 0], tf.int32)).numpy()
        yield pixels.to_bytes(images[: num - first], pixel_min)
