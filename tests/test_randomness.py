"""Random numbers depend on (seed, stream, step, row of the global batch)."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.models.layers import Dropout
from trainer.randomness import BatchRng, layers_draw_from


@pytest.mark.parametrize("size", [1, 3, 4, 7, 100])
@pytest.mark.parametrize(
    "method, arguments", [("normal", ()), ("uniform", ()), ("bernoulli", (0.4,))]
)
def test_replicas_together_draw_the_same_numbers_as_one(method, arguments, size):
    complete = getattr(BatchRng(7, 3, 0, 12), method)("latents", size, *arguments)
    parts = [
        getattr(BatchRng(7, 3, first, 4), method)("latents", size, *arguments)
        for first in (0, 4, 8)
    ]
    np.testing.assert_array_equal(complete, tf.concat(parts, axis=0))


def test_seed_stream_and_step_each_change_the_numbers():
    numbers = [
        BatchRng(7, 3, 0, 4).normal("a", 8),
        BatchRng(8, 3, 0, 4).normal("a", 8),
        BatchRng(7, 4, 0, 4).normal("a", 8),
        BatchRng(7, 3, 0, 4).normal("b", 8),
        BatchRng(2**31 - 1, 2**40, 0, 4).normal("a", 8),
    ]
    assert len({each.numpy().tobytes() for each in numbers}) == len(numbers)


def test_a_graph_draws_the_same_numbers_as_eager_execution():
    @tf.function
    def graph(step):
        return BatchRng(7, step, 4, 4).normal("latents", 10)

    np.testing.assert_array_equal(
        graph(tf.constant(9, tf.int64)), BatchRng(7, 9, 4, 4).normal("latents", 10)
    )


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_what_xla_compiles_draws_the_same_numbers(seed):
    def drawn(step, by_xla):
        rng = BatchRng(seed, step, 4, 4, by_xla)
        return rng.uniform("a", 9), rng.bernoulli("b", 9, 0.3), rng.normal("c", 10)

    step = tf.constant(2**33 + 9, tf.int64)
    compiled = tf.function(drawn, jit_compile=True)(step, True)
    for ours, theirs in zip(compiled, drawn(step, False), strict=True):
        assert np.abs(np.subtract(ours, theirs, dtype=np.float32)).max() < 1e-5


def test_numbers_have_their_distributions_and_rows_are_independent():
    normal = BatchRng(0, 0, 0, 500).normal("latents", 200).numpy()
    uniform = BatchRng(0, 0, 0, 500).uniform("mask", 200).numpy()
    assert abs(normal.mean()) < 0.01 and abs(normal.std() - 1) < 0.01
    assert uniform.min() >= 0 and uniform.max() < 1 and abs(uniform.mean() - 0.5) < 0.005
    assert abs(np.corrcoef(normal)[0, 1:]).max() < 0.3
    for probability in (0.3, 1.0):
        share = BatchRng(0, 0, 0, 500).bernoulli("mask", 200, probability).numpy().mean()
        assert abs(share - probability) <= 0.01 * (probability < 1)


@pytest.mark.parametrize("rate", [0.001, 0.301])
def test_a_probability_between_two_byte_values_is_right_on_average_over_steps(rate):
    @tf.function
    def kept(step):
        return tf.reduce_mean(
            tf.cast(BatchRng(0, step, 0, 100).bernoulli("mask", 500, 1 - rate), "float32")
        )

    dropped = 1 - np.mean([kept(tf.constant(step)) for step in range(1000)])

    assert abs(dropped - rate) < 0.0003


def test_dropout_keeps_its_rate_and_the_mean_and_differs_between_passes():
    layer = Dropout(0.3, name="dropout")
    inputs = tf.ones([400, 50])
    with layers_draw_from(BatchRng(1, 2, 0, 400), "real"):
        real = layer(inputs, training=True).numpy()
    with layers_draw_from(BatchRng(1, 2, 0, 400), "fake"):
        fake = layer(inputs, training=True).numpy()
    assert abs((real == 0).mean() - 0.3) < 0.01
    assert abs(real.mean() - 1) < 0.02
    assert (real != fake).mean() > 0.3
    np.testing.assert_array_equal(layer(inputs, training=False), inputs)


def test_dropout_without_a_source_of_random_numbers_is_an_error():
    with pytest.raises(RuntimeError, match="layers_draw_from"):
        Dropout(0.3, name="lonely")(tf.ones([2, 2]), training=True)
