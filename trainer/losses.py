"""Objectives as pure functions of logits, one value an example."""

from __future__ import annotations

import tensorflow as tf


def bce_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Binary cross-entropy, real to 1 and fake to 0 (Goodfellow et al. 2014, arXiv:1406.2661).

    Args:
      real_logits: `[N, 1]`.
      fake_logits: `[N, 1]`.

    Returns:
      `[N, 1]`, the sum of both terms.
    """
    return tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits)


def bce_generator(fake_logits: tf.Tensor) -> tf.Tensor:
    """The non-saturating form of the same paper: fake to 1. `[N, 1]` to `[N, 1]`."""
    return tf.nn.softplus(-fake_logits)
