"""Objectives and penalties as pure functions, one value an example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Loss:
    """The two sides of an objective.

    `discriminator(real_logits, fake_logits)` and `generator(real_logits, fake_logits)` take
    `[N, 1]` each and give `[N, 1]`, to be minimised. Those of targets take them, too:
    `discriminator(real_logits, fake_logits, real_targets, fake_targets)`.
    """

    discriminator: Callable[..., tf.Tensor]
    generator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    never_rests: bool  # the discriminator's always rises with a fake's logit


def bce_discriminator(
    real_logits: tf.Tensor,
    fake_logits: tf.Tensor,
    real_targets: tf.Tensor | float = 1.0,
    fake_targets: tf.Tensor | float = 0.0,
) -> tf.Tensor:
    """Binary cross-entropy, real to 1 and fake to 0 (Goodfellow et al. 2014, arXiv:1406.2661)."""
    of_real = tf.nn.softplus(-real_logits) + (1.0 - real_targets) * real_logits
    return of_real + tf.nn.softplus(fake_logits) - fake_targets * fake_logits


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
    """The negative score, of the same paper, and of the hinge loss."""
    del real_logits
    return -fake_logits


def hinge_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Scores beyond 1 and -1 are good enough (Lim and Ye 2017, arXiv:1705.02894)."""
    return tf.nn.relu(1 - real_logits) + tf.nn.relu(1 + fake_logits)


def relativistic_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Each real image above the fake of its row (Jolicoeur-Martineau 2018, arXiv:1807.00734)."""
    return tf.nn.softplus(fake_logits - real_logits)


def relativistic_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Each fake above the real image of its row, of the same paper."""
    return tf.nn.softplus(real_logits - fake_logits)


LOSSES = {
    "bce": Loss(bce_discriminator, bce_generator, never_rests=True),
    "lsgan": Loss(least_squares_discriminator, least_squares_generator, never_rests=False),
    "wgan": Loss(wasserstein_discriminator, wasserstein_generator, never_rests=True),
    "hinge": Loss(hinge_discriminator, wasserstein_generator, never_rests=False),
    "relativistic": Loss(relativistic_discriminator, relativistic_generator, never_rests=True),
}


def zero_centred_penalty(slopes: tf.Tensor) -> tf.Tensor:
    """Half the squared norm of slopes, R1 on real and R2 on fake images.

    (Mescheder et al. 2018, arXiv:1801.04406; both together: Huang et al. 2024, arXiv:2501.05441.)

    Args:
      slopes: gradients of the logits by the images, `[N, height, width, channels]`.

    Returns:
      `[N]`
    """
    return _squared_norms(slopes) / 2


def one_centred_penalty(slopes: tf.Tensor) -> tf.Tensor:
    """Squared distance of the slopes' norm from one (Gulrajani et al. 2017, arXiv:1704.00028).

    Args:
      slopes: gradients of the logits by the images, `[N, height, width, channels]`.

    Returns:
      `[N]`; at slopes of zero its gradient is zero, where that of a square root is infinite.
    """
    squares = _squared_norms(slopes)
    positive = squares > 0
    norms = tf.where(positive, tf.sqrt(tf.where(positive, squares, 1.0)), 0.0)
    return tf.square(norms - 1)


def _squared_norms(slopes: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(slopes), list(range(1, len(slopes.shape))))
