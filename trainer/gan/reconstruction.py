"""What a generator that completes is asked for beside the adversarial loss: nearness, variety.

The mean of two completions is to be near the picture, and the two are to differ (Bendel et al.
2022, arXiv:2210.13389): pairs of a completion and its picture alone would drive the latent out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

from trainer.gan.fakes import latents_of
from trainer.gan.state import FashionGAN
from trainer.models.conditioning import Encoded
from trainer.randomness import BatchRng

# At first the loss weighs more: else the discriminator drives tanh to its ends within some steps,
# where it has no gradient.
EARLY_WEIGHT = 20.0
EARLY_STEPS = 300.0
# Of the distance of two completions, at which independent Gaussian pixels would get their own
# deviation: the paper's weight for two, times what the deviation is of their distance.
FULL_DIVERSITY = 1 / (2 * math.sqrt(3))


class Reconstruction(NamedTuple):
    """A replica's share of the loss, and of what it is made of: float32 `[]` each."""

    loss: tf.Tensor
    error: tf.Tensor  # mean distance to the picture where it is missing, of 2 from black to white
    spread: tf.Tensor  # the same between two completions


def reconstruction(
    gan: FashionGAN,
    fakes: tf.Tensor,
    encoded: Encoded,
    images: tf.Tensor,
    labels: tf.Tensor,
    rng: BatchRng,
    stream: str,
) -> Reconstruction:
    """Of completions by `fakes`.

    Args:
      gan: the state.
      fakes: `[rows, height, width, channels]`.
      encoded: what they were made of.
      images: which they complete, of the same shape.
      labels: int32 `[rows, attributes]`.
      rng: the random numbers of those rows.
      stream: prefix of the random streams, that of the fakes.
    """
    completion = gan.recipe.completion
    share = 1.0 / gan.recipe.batch_size
    pixels = tf.reduce_sum(encoded.masks, axis=[1, 2, 3]) * images.shape[3]
    share_of_pixel = share / tf.maximum(pixels, 1.0)

    def distance(some: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
        of_each = tf.reduce_sum(abs(some - others), axis=[1, 2, 3])  # zero where it is known
        return tf.reduce_sum(of_each * share_of_pixel)

    mean, spread = fakes, tf.constant(0.0)
    if completion.diversity:
        latents = latents_of(gan, rng, f"{stream}second/")
        second = gan.complete(latents, labels, encoded)
        mean, spread = (fakes + second) / 2, distance(fakes, second)
    error = distance(mean, images)
    weight = completion.reconstruction * _early_factor(gan.step)
    loss = weight * (error - completion.diversity * FULL_DIVERSITY * spread)
    return Reconstruction(loss, error, spread)


def _early_factor(step: tf.Tensor) -> tf.Tensor:
    return 1 + EARLY_WEIGHT * tf.exp(-tf.cast(step, tf.float32) / EARLY_STEPS)
