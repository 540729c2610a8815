"""What is drawn between two latents."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.gan import sampling

WEIGHTS = np.linspace(0, 1, 9)


def way(start, end) -> np.ndarray:
    ends = tf.constant(start, tf.float32), tf.constant(end, tf.float32)
    return np.stack([sampling.between(*ends, float(weight)).numpy() for weight in WEIGHTS])


@pytest.mark.parametrize("dimensions", [2, 3, 64, 512])
def test_latents_between_two_are_as_long_as_these(dimensions):
    start, end = np.random.default_rng(0).normal(size=(2, dimensions))
    found = way(start, end)
    np.testing.assert_allclose(found[[0, -1]], [start, end], rtol=1e-4, atol=1e-6)
    lengths = np.linalg.norm(found, axis=1)
    expected = (1 - WEIGHTS) * np.linalg.norm(start) + WEIGHTS * np.linalg.norm(end)
    np.testing.assert_allclose(lengths, expected, rtol=1e-3)


def test_a_step_turns_by_equal_angles():
    found = way([2.0, 0.0], [0.0, 2.0])
    np.testing.assert_allclose(np.arctan2(*found.T[::-1]), WEIGHTS * np.pi / 2, atol=1e-5)


def test_between_opposite_numbers_lies_what_is_between_them():
    assert np.abs(way([1.2], [-0.5])).max() <= 1.2001
