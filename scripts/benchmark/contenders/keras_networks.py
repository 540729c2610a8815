"""The network in Keras's own layers, and its losses, as one writes them in TensorFlow."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from scripts.benchmark.contenders import DROPOUT, EPSILON, LEARNING_RATE, NOISE_DIM, SLOPE

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def networks(precision: str) -> tuple[keras.Model, keras.Model]:
    """Generator and discriminator."""
    keras.config.set_dtype_policy(POLICIES[precision])
    return _generator(), _discriminator()


def optimizers() -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
    """The generator's and the discriminator's."""
    first, second = (keras.optimizers.Adam(LEARNING_RATE, epsilon=EPSILON) for _ in range(2))
    return first, second


def losses(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross-entropies: the generator's and the discriminator's."""
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    ones, zeros = tf.ones_like(real_logits), tf.zeros_like(fake_logits)
    return entropy(ones, fake_logits), entropy(ones, real_logits) + entropy(zeros, fake_logits)


def batches(images: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """All images in [-1, 1], shuffled, batch after batch without an end."""
    floats = images.astype(np.float32) / 127.5 - 1
    shuffled = tf.data.Dataset.from_tensor_slices(floats).shuffle(len(images))
    return shuffled.batch(batch_size, drop_remainder=True).repeat()


def _generator() -> keras.Model:
    parts = [keras.Input((NOISE_DIM,)), layers.Dense(7 * 7 * 256, use_bias=False)]
    parts += [layers.BatchNormalization(), layers.LeakyReLU(SLOPE), layers.Reshape((7, 7, 256))]
    for filters, stride in ((128, 1), (64, 2)):
        parts += [
            layers.Conv2DTranspose(filters, 5, stride, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(SLOPE),
        ]
    last = layers.Conv2DTranspose(
        1, 5, 2, padding="same", use_bias=False, activation="tanh", dtype="float32"
    )
    return keras.Sequential([*parts, last])


def _discriminator() -> keras.Model:
    parts = [keras.Input((28, 28, 1))]
    for filters in (64, 128):
        parts += [
            layers.Conv2D(filters, 5, 2, padding="same"),
            layers.LeakyReLU(SLOPE),
            layers.Dropout(DROPOUT),
        ]
    return keras.Sequential([*parts, layers.Flatten(), layers.Dense(1, dtype="float32")])
