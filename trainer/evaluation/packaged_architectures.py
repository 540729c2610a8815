"""The two small classifiers of clothes that evaluations use, and how they are trained.

The feature network gives the features that distances are computed from. The class network, of
another architecture, predicts classes: class accuracy does not depend on the feature network.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from trainer.data import order, pixels
from trainer.evaluation import evaluation_networks
from trainer.gan.augmentation import augment
from trainer.models.layers import initialise
from trainer.randomness import BatchRng
from trainer.system import activity

FEATURES = 128
IMAGE_SHAPE = (28, 28, 1)
CLASSES = 10
BATCH = 128


def feature_network() -> keras.Model:
    """Images in [0, 1] to `[features [N, 128], logits [N, 10]]`: convolutions, batch norm.

    The last feature map is flattened, not averaged, so that features depend on positions.
    """
    x = inputs = keras.Input(IMAGE_SHAPE, name="images")
    for number, (filters, stride) in enumerate(
        [(32, 1), (32, 2), (64, 1), (64, 1), (96, 2), (96, 1), (64, 2)], start=1
    ):
        x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False, name=f"conv{number}")(
            x
        )
        x = layers.BatchNormalization(momentum=0.95, name=f"normalisation{number}")(x)
        x = layers.ReLU(name=f"activation{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    features = layers.Dense(FEATURES, activation="relu", name="features")(x)
    logits = layers.Dense(CLASSES, name="logits")(features)
    return keras.Model(inputs, [features, logits], name="feature_network")


def class_network() -> keras.Model:
    """Images in [0, 1] to logits `[N, 10]`: 5 x 5 convolutions, max pooling, no batch norm."""
    x = inputs = keras.Input(IMAGE_SHAPE, name="images")
    for number, filters in enumerate((24, 48, 96), start=1):
        x = layers.Conv2D(
            filters, 5, padding="same", kernel_initializer="he_normal", name=f"conv{number}"
        )(x)
        x = layers.LeakyReLU(0.1, name=f"activation{number}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    # The name seeds the initial weights, and so decides the published metrics.
    return keras.Model(inputs, layers.Dense(CLASSES, name="logits")(x), name="judge")


def train(
    network: keras.Model, images: np.ndarray, labels: np.ndarray, epochs: int, seed: int = 0
) -> None:
    """Trains a classifier from scratch; the same arguments give the same weights on one machine.

    AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) with a cosine schedule of the learning
    rate, on images that are shifted by a few pixels.

    Args:
      network: its last output is the logits.
      images: uint8 `[N, height, width, channels]`.
      labels: integers `[N]`.
      epochs: passes over the images.
      seed: decides the initial weights, the order of the images and the augmentation.
    """
    initialise(network, seed, network.name)
    batch_size = min(BATCH, len(images))
    steps = len(images) // batch_size
    learning_rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * steps)
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=0.05)
    optimizer.build(network.trainable_variables)
    all_images, all_labels = tf.constant(images), tf.constant(labels, tf.int32)

    @tf.function(autograph=False)
    def train_step(rows: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        rng = BatchRng(seed, step, 0, batch_size)
        batch = pixels.to_floats(tf.gather(all_images, rows), 0.0)
        batch = augment(("translation",), batch, 0.0, rng, "classifier")
        with tf.GradientTape() as tape:
            logits = evaluation_networks.outputs(network, batch, True)[-1]
            batch_labels = tf.gather(all_labels, rows)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch_labels, logits)
            loss = tf.reduce_mean(losses)
        variables = [variable.value for variable in network.trainable_variables]
        optimizer.apply(tape.gradient(loss, variables), network.trainable_variables)
        return loss

    for epoch in activity.each(range(epochs), "training a classifier on them"):
        permutation = order.permutation(seed, epoch, len(images))
        for batch_index in range(steps):
            rows = permutation[batch_index * batch_size : (batch_index + 1) * batch_size]
            train_step(tf.constant(rows), tf.constant(epoch * steps + batch_index, tf.int64))


BUILDERS = {"feature_network": feature_network, "class_network": class_network}
