"""A sum has one value, whoever else holds its terms; the order of operations is left to chance."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import tensorflow as tf

HELD = [(), (0,), (0, 1), (1, 2), (0, 1, 2), (3,), (0, 3), (1, 2, 3)]


def terms() -> list[tf.Tensor]:
    rng = np.random.default_rng(0)
    return [tf.constant(rng.normal(size=(64, 64)), tf.float32) for _ in range(4)]


def forwards(values: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    first, *others = held = [2.0 * value for value in values]
    for value in others:
        first += value
    return first, held


def gradients(values: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The gradient of a tensor that has four consumers, and what each of them adds to it."""
    shared = tf.ones_like(values[0])
    held = []

    @tf.custom_gradient
    def times(tensor: tf.Tensor, value: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def backwards(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
            held.append(2.0 * upstream * value)
            return held[-1], None

        return 2.0 * tensor * value, backwards

    with tf.GradientTape() as tape:
        tape.watch(shared)
        result = [times(shared, value) for value in values]
    return tape.gradient(result, shared), held


@pytest.mark.parametrize("summed", [forwards, gradients])
def test_a_sum_is_the_same_whoever_else_holds_its_terms(summed):
    found = {sum_of(summed, others).numpy().tobytes() for others in HELD}

    assert len(found) == 1


def sum_of(summed: Callable, others: Sequence[int]) -> tf.Tensor:
    """The sum, in a graph that also gives these of its terms."""

    @tf.function
    def total(values):
        result, held = summed(values)
        return result, [held[i] for i in others]

    return total(terms())[0]
