"""Objectives as pure functions, one value an example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Loss:
    """The losses of discriminator and generator.

    `discriminator(real_logits, fake_logits)` and `generator(real_logits, fake_logits)` take
    `[N, 1]` each and return `[N, 1]`, to be minimised. Where a discriminator's loss has targets:
    `discriminator(real_logits, fake_logits, real_targets, fake_targets)`.
    """

    discriminator: Callable[..., tf.Tensor]
    generator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    monotonic_in_fake_logits: bool  # the discriminator's loss, strictly increasing
    # Positive where the discriminator takes a real image for one: `[N, 1]` of two `[N, 1]`.
    realness: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def bce_discriminator(
    real_logits: tf.Tensor,
    fake_logits: tf.Tensor,
    real_targets: tf.Tensor | float = 1.0,
    fake_targets: tf.Tensor | float = 0.0,
) -> tf.Tensor:
    """Binary cross-entropy, real to 1 and fake to 0 (Goodfellow et al. 2014, arXiv:1406.2661)."""
    real_loss = tf.nn.softplus(-real_logits) + (1.0 - real_targets) * real_logits
    return real_loss + tf.nn.softplus(fake_logits) - fake_targets * fake_logits


def bce_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """The non-saturating form of the same paper: fake to 1."""
    del real_logits
    return tf.nn.softplus(-fake_logits)


def least_squares_discriminator(
    real_logits: tf.Tensor,
    fake_logits: tf.Tensor,
    real_targets: tf.Tensor | float = 1.0,
    fake_targets: tf.Tensor | float = 0.0,
) -> tf.Tensor:
    """Half squared distances to the targets (Mao et al. 2016, arXiv:1611.04076)."""
    return (tf.square(real_logits - real_targets) + tf.square(fake_logits - fake_targets)) / 2


def least_squares_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Half squared distance to 1, of the same paper."""
    del real_logits
    return tf.square(fake_logits - 1) / 2


def wasserstein_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """The negative difference of scores (Arjovsky et al. 2017, arXiv:1701.07875)."""
    return fake_logits - real_logits


def wasserstein_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """The negative score, of the same paper; also for the hinge loss."""
    del real_logits
    return -fake_logits


def hinge_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Zero for real scores above 1 and fake ones below -1 (Lim and Ye 2017, arXiv:1705.02894)."""
    return tf.nn.relu(1 - real_logits) + tf.nn.relu(1 + fake_logits)


def relativistic_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Each real logit above its row's fake (Jolicoeur-Martineau 2018, arXiv:1807.00734)."""
    return tf.nn.softplus(fake_logits - real_logits)


def relativistic_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Each fake logit above its row's real one, of the same paper."""
    return tf.nn.softplus(real_logits - fake_logits)


def _above_zero(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Of losses that push real and fake logits to the two sides of zero."""
    del fake_logits
    return real_logits


def _above_half(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Of targets of one and zero."""
    del fake_logits
    return real_logits - 0.5


def _above_fake(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Of losses of differences, to which a constant in all logits means nothing.

    (By pairs, as Huang et al. 2024 count it, arXiv:2501.05441.)
    """
    return real_logits - fake_logits


LOSSES = {
    "bce": Loss(
        bce_discriminator, bce_generator, monotonic_in_fake_logits=True, realness=_above_zero
    ),
    "lsgan": Loss(
        least_squares_discriminator,
        least_squares_generator,
        monotonic_in_fake_logits=False,
        realness=_above_half,
    ),
    "wgan": Loss(
        wasserstein_discriminator,
        wasserstein_generator,
        monotonic_in_fake_logits=True,
        realness=_above_fake,
    ),
    "hinge": Loss(
        hinge_discriminator,
        wasserstein_generator,
        monotonic_in_fake_logits=False,
        realness=_above_zero,
    ),
    "relativistic": Loss(
        relativistic_discriminator,
        relativistic_generator,
        monotonic_in_fake_logits=True,
        realness=_above_fake,
    ),
}
