"""The fused optimizers against Keras's."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.configuration.config import OptimizerSettings
from trainer.gan.optimizers import Optimizer

STEPS = 5
THEIRS = {
    "adam": lambda rate: keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.9),
    "rmsprop": lambda rate: keras.optimizers.RMSprop(rate, rho=0.9),
}


def settings(schedule="constant", final_factor=1.0):
    return OptimizerSettings(0.01, schedule, final_factor, beta_1=0.5, beta_2=0.9)


def network():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


RATES = {
    "constant": 0.01,
    "linear": keras.optimizers.schedules.PolynomialDecay(0.01, STEPS, 0.0025),
    "cosine": keras.optimizers.schedules.CosineDecay(0.01, STEPS, 0.25),
}


@pytest.mark.parametrize("scale", [1e-5, 1e-3, 1.0])
@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("schedule", RATES)
def test_updates_are_those_of_keras_s_optimizer(name, scale, schedule):
    ours, theirs = network(), network()
    theirs.set_weights(ours.get_weights())
    optimizer = Optimizer(name, settings(schedule, 0.25), STEPS, ours)
    reference = THEIRS[name](RATES[schedule])
    start = ours.get_weights()
    random = np.random.default_rng(0)
    for step in range(STEPS):
        gradients = [
            tf.constant(scale * random.normal(size=weight.shape), tf.float32)
            for weight in ours.weights
        ]
        optimizer.apply(gradients, tf.constant(step, tf.int64))
        reference.apply(gradients, theirs.trainable_variables)
    for before, mine, other in zip(start, ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine - before, other - before, rtol=1e-3, atol=1e-6)


def test_a_learning_rate_decays_over_the_updates_and_stays():
    optimizer = Optimizer("adam", settings("linear", 0.25), 100, network())
    rates = [float(optimizer.learning_rate(tf.constant(number))) for number in (0, 50, 100, 999)]
    assert rates == pytest.approx([0.01, 0.00625, 0.0025, 0.0025])


def test_an_optimizer_s_state_is_in_its_variables():
    one, same = network(), network()
    same.set_weights(one.get_weights())
    gradients = [tf.ones_like(weight.value) for weight in one.weights]
    optimizers = [Optimizer("adam", settings(), 100, each) for each in (one, same)]
    optimizers[0].apply(gradients, tf.constant(0, tf.int64))
    same.set_weights(one.get_weights())
    slots = (each.variables.values() for each in optimizers)
    for variable, other in zip(*slots, strict=True):
        other.assign(variable)
    for optimizer in optimizers:
        optimizer.apply(gradients, tf.constant(1, tf.int64))
    for mine, other in zip(one.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
