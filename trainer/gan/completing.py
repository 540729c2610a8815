"""Completions of pictures by a trained generator: seeded latents, batches of one size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from trainer.configuration.config import Recipe
from trainer.data import pixels
from trainer.gan import image_batches, sampling
from trainer.gan import masks as mask_kinds
from trainer.models.architectures import ARCHITECTURES
from trainer.models.conditioning import Incomplete
from trainer.randomness import BatchRng
from trainer.system import activity

Complete = Callable[[tf.Tensor, tf.Tensor, Incomplete], tf.Tensor]  # of latents and labels
MISSING_SHADE = 128  # that stands for a missing pixel where people see it


def completions(
    complete: Complete,
    recipe: Recipe,
    pictures: np.ndarray,
    masks: np.ndarray,
    labels: np.ndarray,
    seed: int,
) -> Iterator[np.ndarray]:
    """A completion of each picture, exactly as it is where it is known.

    Args:
      complete: of a generator that completes, in a graph.
      recipe: of its training.
      pictures: uint8 `[N, height, width, channels]`; what is missing is not looked at.
      masks: `[N, height, width, 1]`, 1 where a pixel is missing, 0 where it is known.
      labels: integers `[N, attributes]`, -1 where not given.
      seed: decides the latents, by the picture's place.

    Yields:
      uint8 of some pictures after the others.
    """
    pixel_min = ARCHITECTURES[recipe.networks.architecture].pixel_min
    batch = image_batches.size(recipe.data.image_shape)
    for first in activity.each(range(0, len(pictures), batch), "completing pictures"):
        some = slice(first, first + batch)
        shown, missing = pictures[some], masks[some]
        incomplete = Incomplete(
            pixels.to_floats(tf.constant(_filled(np.where(missing, 0, shown), batch)), pixel_min),
            tf.constant(_filled(missing, batch), tf.float32),
        )
        asked = tf.constant(_filled(labels[some], batch), tf.int32)
        made = complete(sampling.latents(recipe, seed, first, batch), asked, incomplete)
        made_bytes = pixels.to_bytes(made.numpy()[: len(shown)], pixel_min)
        yield np.where(missing, made_bytes, shown)


def _filled(rows: np.ndarray, count: int) -> np.ndarray:
    """As many rows as a batch has: one size makes one graph, and the same bits."""
    return np.concatenate([rows, np.repeat(rows[-1:], count - len(rows), axis=0)])


def masks_in_turn(
    kinds: Sequence[str], count: int, seed: int, image_shape: tuple[int, int, int]
) -> np.ndarray:
    """Masks of each kind by turns: uint8 `[count, height, width, 1]`, 1 where missing."""
    height, width, _ = image_shape
    found = np.zeros((count, height, width, 1), np.uint8)
    for number, kind in enumerate(kinds):
        rows = slice(number, count, len(kinds))
        rng = BatchRng(seed, 0, 0, len(range(*rows.indices(count))))
        found[rows] = mask_kinds.drawn((kind,), rng, "", height, width).numpy()
    return found


def masked(pictures: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Pictures as people see them, uint8, the missing pixels grey."""
    return np.where(masks, np.uint8(MISSING_SHADE), pictures)
