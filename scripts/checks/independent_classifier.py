"""A classifier of a folder's attributes that no training and no evaluation knows.

Of another architecture than those of `trainer/evaluation`: residual blocks without batch norm,
whose means and greatest values at all scales are seen: how something is drawn shows in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from trainer.data import order, pixels
from trainer.evaluation import evaluation_networks
from trainer.gan.augmentation import augment
from trainer.models.layers import initialise
from trainer.randomness import BatchRng

BATCH = 64
PASSES = 16
SEED = 7919  # other weights, another order than those of the package's classifiers
_LEARNING_RATE = 2e-3
_BLOCKS = ((32, 2), (64, 2), (96, 2), (128, 2))  # filters, stride


def network(image_shape: tuple[int, int, int], sizes: Sequence[int]) -> keras.Model:
    """Pictures in [0, 1] to logits `[N, size]` of each attribute."""
    inputs = keras.Input(image_shape, name="images")
    x = _convolution(inputs, 16, 3, 1, "stem")
    pooled = _statistics(x, "stem")
    for number, (filters, stride) in enumerate(_BLOCKS, start=1):
        name = f"block{number}"
        shortcut = _convolution(x, filters, 1, stride, f"{name}_shortcut")
        x = layers.LeakyReLU(0.2, name=f"{name}_in")(x)
        x = _convolution(x, filters, 3, stride, f"{name}_first")
        x = layers.GroupNormalization(8, name=f"{name}_normalisation")(x)
        x = layers.LeakyReLU(0.2, name=f"{name}_middle")(x)
        x = _convolution(x, filters, 3, 1, f"{name}_second")
        x = layers.Add(name=f"{name}_sum")([x, shortcut])
        pooled += _statistics(x, name)
    x = layers.LeakyReLU(0.2, name="last")(x)
    x = layers.Concatenate(name="joined")([layers.Flatten(name="flatten")(x), *pooled])
    logits = [layers.Dense(size, name=f"logits{n}")(x) for n, size in enumerate(sizes, start=1)]
    return keras.Model(inputs, logits, name="independent")


def _convolution(x, filters: int, size: int, stride: int, name: str):
    options = {"padding": "same", "kernel_initializer": "he_normal", "name": name}
    return layers.Conv2D(filters, size, stride, **options)(x)


def _statistics(x, name: str) -> list:
    means = layers.GlobalAveragePooling2D(name=f"{name}_means")(x)
    return [means, layers.GlobalMaxPooling2D(name=f"{name}_greatest")(x)]


def trained(
    images: np.ndarray, labels: np.ndarray, sizes: Sequence[int], weights: Path | None = None
) -> evaluation_networks.Predict:
    """Predictions of a classifier that is trained on these pictures.

    Args:
      images: uint8 `[N, height, width, channels]`.
      labels: integers `[N, attributes]`, -1 where a value is missing.
      sizes: the number of values of each attribute.
      weights: read from this file if it is there, else written into it.
    """
    built = network(images.shape[1:], sizes)
    if weights is not None and weights.exists():
        built.load_weights(weights)
    else:
        _train(built, images, labels)
        if weights is not None:
            built.save_weights(weights)
    return evaluation_networks.predictor(built)


def _train(built: keras.Model, images: np.ndarray, labels: np.ndarray) -> None:
    """AdamW (arXiv:1711.05101), a cosine schedule, pictures shifted by some pixels."""
    initialise(built, SEED, built.name)
    last_step = max(1, PASSES * len(images) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, last_step)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.02)
    optimizer.build(built.trainable_variables)
    batch_size = min(BATCH, len(images))

    @tf.function(autograph=False)
    def train_step(batch: tf.Tensor, values: tf.Tensor, step: tf.Tensor) -> None:
        rng = BatchRng(SEED, step, 0, batch_size)
        shifted = augment(("translation",), pixels.to_floats(batch, 0.0), 0.0, rng, "independent")
        with tf.GradientTape() as tape:
            logits = built(shifted, training=True)
            loss = _cross_entropy(logits if isinstance(logits, list) else [logits], values)
        variables = [variable.value for variable in built.trainable_variables]
        optimizer.apply(tape.gradient(loss, variables), built.trainable_variables)

    for step in range(last_step):
        rows = np.sort(order.batches(SEED, len(images), batch_size, step, 1)[0])
        batch, values = tf.constant(images[rows]), tf.constant(labels[rows], tf.int32)
        train_step(batch, values, tf.constant(step, tf.int64))


def _cross_entropy(logits: Sequence[tf.Tensor], values: tf.Tensor) -> tf.Tensor:
    """The sum over attributes of the mean over pictures, those without a value left out."""
    losses = []
    for each, column in zip(logits, tf.unstack(values, axis=1), strict=True):
        given = tf.cast(column >= 0, tf.float32)
        of_each = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(column, 0), each)
        losses.append(tf.reduce_sum(of_each * given) / tf.maximum(tf.reduce_sum(given), 1.0))
    return tf.add_n(losses)
