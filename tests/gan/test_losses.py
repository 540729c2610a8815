"""Losses against their definitions in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.configuration import choices
from trainer.gan import losses
from trainer.gan.losses import LOSSES

REAL = np.array([[2.0], [-1.0], [0.0], [40.0]], np.float64)
FAKE = np.array([[-3.0], [0.5], [0.0], [-40.0]], np.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


DEFINITIONS = {  # discriminator, generator
    "bce": (-np.log(sigmoid(REAL)) - np.log(1 - sigmoid(FAKE)), -np.log(sigmoid(FAKE))),
    "lsgan": ((REAL - 1) ** 2 / 2 + FAKE**2 / 2, (FAKE - 1) ** 2 / 2),
    "wgan": (FAKE - REAL, -FAKE),
    "hinge": (relu(1 - REAL) + relu(1 + FAKE), -FAKE),
    "relativistic": (-np.log(sigmoid(REAL - FAKE)), np.log(1 + np.exp(REAL - FAKE))),
}


def test_every_loss_is_known_to_the_flags():
    assert LOSSES.keys() == choices.LOSSES.keys()
    assert LOSSES.keys() == DEFINITIONS.keys()


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_loss_has_the_values_of_its_definition(name):
    discriminator, generator = DEFINITIONS[name]
    loss = LOSSES[name]
    np.testing.assert_allclose(loss.discriminator(REAL, FAKE), discriminator, atol=1e-12)
    np.testing.assert_allclose(loss.generator(REAL, FAKE), generator, rtol=1e-12, atol=1e-12)


BOUNDARIES = {"bce": 0, "hinge": 0, "lsgan": 0.5, "wgan": FAKE, "relativistic": FAKE}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_real_image_is_taken_for_one_above_the_loss_s_boundary(name):
    realness = LOSSES[name].realness(tf.constant(REAL), tf.constant(FAKE))
    np.testing.assert_array_equal(np.sign(realness), np.sign(REAL - BOUNDARIES[name]))


@pytest.mark.parametrize("name", DEFINITIONS)
def test_gradients_agree_with_finite_differences_and_losses_stay_finite_for_large_logits(name):
    shift = 1e-6
    for function in (LOSSES[name].discriminator, LOSSES[name].generator):
        real, fake = tf.constant(REAL + 0.1), tf.constant(FAKE + 0.2)
        with tf.GradientTape() as tape:
            tape.watch([real, fake])
            loss = function(real, fake)
        by_real, by_fake = tape.gradient(loss, [real, fake], unconnected_gradients="zero")
        expected_real = (function(real + shift, fake) - function(real - shift, fake)) / (2 * shift)
        expected_fake = (function(real, fake + shift) - function(real, fake - shift)) / (2 * shift)
        np.testing.assert_allclose(by_real, expected_real, atol=1e-6)
        np.testing.assert_allclose(by_fake, expected_fake, atol=1e-6)
        assert np.isfinite(function(tf.constant(1e3 * REAL), tf.constant(1e3 * FAKE))).all()


def test_logits_of_zero_have_the_entropy_of_two_coins():
    zero = np.zeros((1, 1))
    np.testing.assert_allclose(losses.bce_discriminator(zero, zero), 2 * np.log(2))
    np.testing.assert_allclose(losses.bce_generator(zero, zero), np.log(2))


@pytest.mark.parametrize(("name", "squared"), [("bce", False), ("lsgan", True)])
def test_targets_may_be_soft(name, squared):
    real_targets, fake_targets = np.full((4, 1), 0.9), np.full((4, 1), 0.15)
    if squared:
        expected = ((REAL - real_targets) ** 2 + (FAKE - fake_targets) ** 2) / 2
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = sum(
                -targets * np.log(sigmoid(logits)) - (1 - targets) * np.log(sigmoid(-logits))
                for logits, targets in ((REAL, real_targets), (FAKE, fake_targets))
            )
    ours = LOSSES[name].discriminator(REAL, FAKE, real_targets, fake_targets)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)
