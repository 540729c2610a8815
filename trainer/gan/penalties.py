"""Penalties on the gradients of the discriminator's logits by its images, one value an example."""

from __future__ import annotations

import tensorflow as tf


def zero_centred_penalty(gradients: tf.Tensor) -> tf.Tensor:
    """Half the squared norm of the gradients: R1 on real and R2 on fake images.

    (Mescheder et al. 2018, arXiv:1801.04406; both together: Huang et al. 2024, arXiv:2501.05441.)

    Args:
      gradients: of the logits by the images, `[N, height, width, channels]`.

    Returns:
      `[N]`
    """
    return _squared_norms(gradients) / 2


def one_centred_penalty(gradients: tf.Tensor) -> tf.Tensor:
    """Squared distance of the gradients' norm from one (Gulrajani et al. 2017, arXiv:1704.00028).

    Args:
      gradients: of the logits by the images, `[N, height, width, channels]`.

    Returns:
      `[N]`; at gradients of zero its gradient is zero, where that of a square root is infinite.
    """
    squares = _squared_norms(gradients)
    positive = squares > 0
    norms = tf.where(positive, tf.sqrt(tf.where(positive, squares, 1.0)), 0.0)
    return tf.square(norms - 1)


def _squared_norms(gradients: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(gradients), list(range(1, len(gradients.shape))))
