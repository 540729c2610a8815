"""Spectral normalisation (Miyato et al. 2018, arXiv:1802.05957) of a network's kernels."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

_INITIAL_ITERATIONS = 20  # from a random vector; later one per update is enough


def kernels(network: keras.Model) -> list[keras.Variable]:
    """The weights that are normalised: all that have two or more dimensions."""
    return [weight for weight in network.trainable_variables if len(weight.shape) >= 2]


def initial_vector(kernel: tf.Tensor, seed: int) -> tf.Tensor:
    """An estimate of the first left singular vector, `[output channels]`."""
    generator = np.random.Generator(np.random.Philox(key=seed))
    vector = tf.constant(generator.normal(size=kernel.shape[-1]), tf.float32)
    for _ in range(_INITIAL_ITERATIONS):
        vector = next_vector(kernel, vector)
    return vector


def next_vector(kernel: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """One power iteration from `vector`."""
    return _power_iteration(_matrix(kernel), vector)[0]


def normalise(kernel: tf.Tensor, vector: tf.Tensor) -> tf.Tensor:
    """The kernel divided by its largest singular value, estimated by one power iteration."""
    matrix = _matrix(kernel)
    left, right = map(tf.stop_gradient, _power_iteration(matrix, vector))
    return kernel / tf.tensordot(left, tf.linalg.matvec(matrix, right), 1)


def _matrix(kernel: tf.Tensor) -> tf.Tensor:
    return tf.transpose(tf.reshape(kernel, (-1, kernel.shape[-1])))


def _power_iteration(matrix: tf.Tensor, vector: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    right = tf.math.l2_normalize(tf.linalg.matvec(matrix, vector, transpose_a=True))
    return tf.math.l2_normalize(tf.linalg.matvec(matrix, right)), right
