"""Penalties against their definitions in NumPy."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from trainer.gan import penalties


def test_penalties_have_their_closed_forms():
    gradients = np.random.default_rng(0).normal(size=(5, 4, 4, 2))
    norms = np.linalg.norm(gradients.reshape(5, -1), axis=1)
    np.testing.assert_allclose(penalties.zero_centred_penalty(tf.constant(gradients)), norms**2 / 2)
    np.testing.assert_allclose(
        penalties.one_centred_penalty(tf.constant(gradients)), (norms - 1) ** 2
    )


def test_the_gradient_penalty_is_safe_where_the_gradient_is_zero():
    gradients = tf.zeros([2, 3, 3, 1])
    with tf.GradientTape() as tape:
        tape.watch(gradients)
        penalty = penalties.one_centred_penalty(gradients)
    np.testing.assert_array_equal(penalty, [1, 1])
    np.testing.assert_array_equal(tape.gradient(penalty, gradients), np.zeros((2, 3, 3, 1)))


def test_the_penalty_of_a_linear_critic_depends_on_the_norm_of_its_weights():
    weights = tf.Variable(np.random.default_rng(1).normal(size=(6, 1)))
    images = tf.constant(np.random.default_rng(2).normal(size=(3, 2, 3, 1)))
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(images)
            logits = tf.reshape(images, (3, 6)) @ weights
        penalty = tf.reduce_mean(penalties.one_centred_penalty(inner.gradient(logits, images)))
    norm = np.linalg.norm(weights.numpy())
    np.testing.assert_allclose(penalty, (norm - 1) ** 2)
    expected = 2 * (norm - 1) * weights.numpy() / norm
    np.testing.assert_allclose(outer.gradient(penalty, weights), expected)
