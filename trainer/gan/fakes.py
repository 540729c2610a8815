"""The generator's images in training: what is drawn for them belongs to the place in the batch."""

from __future__ import annotations

import tensorflow as tf

from trainer.gan import masks
from trainer.gan.state import FashionGAN
from trainer.models import image_noise
from trainer.models.conditioning import Encoded, Incomplete
from trainer.randomness import BatchRng


def fakes(
    gan: FashionGAN, encoded: Encoded | None, labels: tf.Tensor, rng: BatchRng, stream: str
) -> tf.Tensor:
    """Images of the generator as it trains.

    Args:
      gan: the state.
      encoded: from `encoded_images`.
      labels: int32 `[rows, attributes]`.
      rng: the random numbers of those rows.
      stream: prefix of the random streams.

    Returns:
      `[rows, height, width, channels]`.
    """
    latents = latents_of(gan, rng, stream)
    if encoded is not None:
        return gan.complete(latents, labels, encoded)
    noise = image_noise.drawn(gan.active.generator, rng, stream)
    if not gan.recipe.objective.style_mixing:
        return gan.generate(latents, labels, noise)
    styles = gan.styles(latents, labels)
    others = gan.styles(latents_of(gan, rng, f"{stream}mixing/"), labels)
    return gan.synthesise(mixed(gan, styles, others, rng, stream), noise)


def encoded_images(
    gan: FashionGAN, images: tf.Tensor, rng: BatchRng, stream: str
) -> Encoded | None:
    """What a generator that completes makes of real images; None of any other.

    Args:
      gan: the state.
      images: `[rows, height, width, channels]`.
      rng: the random numbers of those rows.
      stream: prefix of the random streams, of which each has masks of its own.
    """
    if not gan.recipe.completion.masks:
        return None
    return gan.encode(incomplete(gan, images, rng, stream))


def incomplete(gan: FashionGAN, images: tf.Tensor, rng: BatchRng, stream: str) -> Incomplete:
    """What a generator that completes gets of images `[rows, height, width, channels]`."""
    height, width = images.shape[1:3]
    kinds = gan.recipe.completion.kinds
    return Incomplete(images, masks.drawn(kinds, rng, stream, height, width))


def latents_of(gan: FashionGAN, rng: BatchRng, stream: str) -> tf.Tensor:
    """Latents of the rows of a batch: float32 `[rows, noise_dim]`."""
    return rng.normal(f"{stream}latents", gan.recipe.networks.noise_dim)


def mixed(
    gan: FashionGAN, styles: tf.Tensor, others: tf.Tensor, rng: BatchRng, stream: str
) -> tf.Tensor:
    """Styles `[rows, layers, size]` that in some rows are the others' from some layer on.

    A regulariser: layers must not count on each other's styles (Karras et al. 2018,
    arXiv:1812.04948).
    """
    layers = styles.shape[1]
    chance, place = tf.split(rng.uniform(f"{stream}mixing", 2), 2, axis=1)
    first_other = 1 + tf.cast(place * (layers - 1), tf.int32)  # layer 0 stays
    mixes = chance < gan.recipe.objective.style_mixing
    taken = tf.logical_and(mixes, tf.range(layers) >= first_other)
    return tf.where(taken[:, :, tf.newaxis], others, styles)
