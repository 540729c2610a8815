"""Losses against their definitions in NumPy."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from trainer import losses

REAL = np.array([[2.0], [-1.0], [0.0], [40.0]], np.float64)
FAKE = np.array([[-3.0], [0.5], [0.0], [-40.0]], np.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_bce_is_the_cross_entropy_of_its_definition():
    expected = -np.log(sigmoid(REAL)) - np.log(1 - sigmoid(FAKE))
    np.testing.assert_allclose(losses.bce_discriminator(REAL, FAKE), expected, atol=1e-12)
    np.testing.assert_allclose(losses.bce_generator(FAKE), -np.log(sigmoid(FAKE)), rtol=1e-12)


def test_an_undecided_discriminator_has_the_loss_of_two_coins():
    zero = np.zeros((1, 1))
    np.testing.assert_allclose(losses.bce_discriminator(zero, zero), 2 * np.log(2))
    np.testing.assert_allclose(losses.bce_generator(zero), np.log(2))


def test_gradients_have_their_closed_forms_and_stay_finite_for_large_logits():
    real, fake = tf.constant(REAL), tf.constant(FAKE * 1e3)
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        loss = losses.bce_discriminator(real, fake)
    by_real, by_fake = tape.gradient(loss, [real, fake])
    np.testing.assert_allclose(by_real, sigmoid(REAL) - 1, atol=1e-12)
    assert np.isfinite(by_fake).all()
