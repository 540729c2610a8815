"""Small classifiers of clothes, and how they are trained.

One gives the features that figures are computed from. Another, built differently, sees whether
images show what they should: a judge of its own, so that no figure is a classifier's view of
itself.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from trainer.augment import augment
from trainer.data import order, pixels
from trainer.exits import RefusedError
from trainer.models.layers import initialise
from trainer.randomness import Draws

FEATURES = 128
IMAGE_SHAPE = (28, 28, 1)
CLASSES = 10
BATCH = 128
LOOKING_BATCH = 250

Look = Callable[[np.ndarray], list[np.ndarray]]


def feature_network() -> keras.Model:
    """Images in [0, 1] to `[features [N, 128], logits [N, 10]]`: normalised convolutions.

    The features still know where in the image something is, as an average over places would not.
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


def judge() -> keras.Model:
    """Images in [0, 1] to logits `[N, 10]`: wide kernels and pooling, nothing normalised."""
    x = inputs = keras.Input(IMAGE_SHAPE, name="images")
    for number, filters in enumerate((24, 48, 96), start=1):
        x = layers.Conv2D(
            filters, 5, padding="same", kernel_initializer="he_normal", name=f"conv{number}"
        )(x)
        x = layers.LeakyReLU(0.1, name=f"activation{number}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, name="logits")(x), name="judge")


def train(
    network: keras.Model, images: np.ndarray, labels: np.ndarray, epochs: int, seed: int = 0
) -> None:
    """Trains a classifier anew; the same arguments give the same weights on the same machine.

    AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) at a rate that falls like a cosine, on
    images that are moved by a few pixels.

    Args:
      network: its last output are logits.
      images: uint8 `[N, height, width, channels]`.
      labels: integers `[N]`.
      epochs: passes over the images.
      seed: decides the initial weights, the order and the augmentation.
    """
    initialise(network, seed, network.name)
    batch_size = min(BATCH, len(images))
    steps = len(images) // batch_size
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * steps)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=0.05)
    optimizer.build(network.trainable_variables)
    pictures, truth = tf.constant(images), tf.constant(labels, tf.int32)

    @tf.function(autograph=False)
    def step(rows: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        draws = Draws(seed, number, 0, batch_size)
        batch = pixels.to_floats(tf.gather(pictures, rows), 0.0)
        batch = augment("translation", batch, 0.0, draws, "classifier")
        with tf.GradientTape() as tape:
            logits = _outputs(network, batch, True)[-1]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(truth, rows), logits)
            loss = tf.reduce_mean(losses)
        variables = [variable.value for variable in network.trainable_variables]
        optimizer.apply(tape.gradient(loss, variables), network.trainable_variables)
        return loss

    for epoch in range(epochs):
        permutation = order.permutation(seed, epoch, len(images))
        for number in range(steps):
            rows = permutation[number * batch_size : (number + 1) * batch_size]
            step(tf.constant(rows), tf.constant(epoch * steps + number, tf.int64))


BUILDERS = {"feature_network": feature_network, "judge": judge}
DIGESTS = {
    "feature_network": "e5147b1ec62ecd14430a680c8fc4cf37bbd3a5d2bab76f05e276dd78719ab572",
    "judge": "3a869bb461ca3505cdb7d94e5613c76a8e1ca8560e84e611c084dcbf62a38d04",
}


def features(images: np.ndarray) -> np.ndarray:
    """The feature network's features of uint8 images: float32 `[N, 128]`."""
    return _shipped("feature_network")(images)[0]


def classes(images: np.ndarray) -> np.ndarray:
    """The classes that the judge sees in uint8 images: int64 `[N]`."""
    return _shipped("judge")(images)[-1].argmax(axis=1)


@functools.cache
def _shipped(name: str) -> Look:
    """One of `BUILDERS` with the weights that are in the package.

    Raises:
      RefusedError: the file is not the one that figures are comparable for.
    """
    path = Path(__file__).parent / "weights" / f"{name}.npz"
    if digest(path) != DIGESTS[name]:
        raise RefusedError(f"{path} is not the file of this version: install fashion-gan again")
    network = BUILDERS[name]()
    read(network, path)
    return looking_with(network)


def looking_with(network: keras.Model) -> Look:
    """A function from uint8 images `[N, 28, 28, 1]` to the outputs of a classifier.

    It gives float32 `[N, ...]` each, from batches of one size, and is traced once.
    """
    graph = tf.function(lambda batch: _outputs(network, batch, False), autograph=False)

    def look(images: np.ndarray) -> list[np.ndarray]:
        parts = []
        for first in range(0, len(images), LOOKING_BATCH):
            batch = images[first : first + LOOKING_BATCH]
            padded = np.pad(batch, [(0, LOOKING_BATCH - len(batch)), (0, 0), (0, 0), (0, 0)])
            parts.append([output.numpy()[: len(batch)] for output in graph(tf.constant(padded))])
        return [np.concatenate(part) for part in zip(*parts, strict=True)]

    return look


def write(network: keras.Model, path: Path) -> None:
    """Writes the weights in float16."""
    weights = {variable.path: variable.numpy().astype(np.float16) for variable in network.variables}
    np.savez(path, **weights)


def read(network: keras.Model, path: Path) -> None:
    """Reads what `write` has written."""
    with np.load(path) as weights:
        for variable in network.variables:
            variable.assign(weights[variable.path].astype(np.float32))


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _outputs(network: keras.Model, images: tf.Tensor, training: bool) -> list[tf.Tensor]:
    """All outputs of a classifier for uint8 images, or for floats in [0, 1]."""
    if images.dtype == tf.uint8:
        images = pixels.to_floats(images, 0.0)
    outputs = network(images, training=training)
    return outputs if isinstance(outputs, list) else [outputs]
