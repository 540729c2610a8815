"""How the networks for evaluations of any set of pictures are trained, on its own pictures.

The feature network learns to tell the values of each attribute, and each picture from all others:
attributes alone would leave it blind to what they do not say, and a set may have none. The
classifier sees the attributes alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from trainer.data import order, pixels, reading
from trainer.evaluation.evaluation_networks import outputs
from trainer.evaluation.own_network_architectures import classifier, feature_network
from trainer.gan.augmentation import augment
from trainer.models.layers import initialise
from trainer.randomness import BatchRng
from trainer.system import activity, signals
from trainer.system.intervals import Interval

log = logging.getLogger(__name__)

BATCH = 64  # pictures
PASSES = 16  # over the training pictures, within these bounds
FEWEST_STEPS, MOST_STEPS = 60, 2000
SCALED_BY = 2000  # training pictures
TRIAL_STEPS = 4  # by which the time of a training is foreseen, after the first

_LEARNING_RATE = 4e-3
_TEMPERATURE = 0.2
_LARGEST_GAIN = 1.25  # of a channel, in a view: more would make features blind to colours
_PROGRESS_SECONDS = 20.0

Loss = Callable[[tf.Tensor, tf.Tensor, BatchRng], tf.Tensor]


def train_features(images: np.ndarray, labels: np.ndarray, sizes: Sequence[int]) -> keras.Model:
    """A trained feature network: pictures in [0, 1] to features `[N, 128]`.

    Each picture of a batch is shown in two views. Those of one picture shall be nearer to each
    other than to those of the others (Chen et al. 2020, arXiv:2002.05709; features of such
    networks serve evaluations as well: Morozov et al. 2021, "On self-supervised image
    representations for GAN evaluation"). Features are scaled to a mean variance of one.

    Args:
      images: uint8 `[N, height, width, channels]`.
      labels: integers `[N, attributes]`, -1 where a value is missing.
      sizes: the number of values of each attribute.

    Raises:
      Stopped: the run was asked to stop.
    """
    network = feature_network(images.shape[1:], sizes)
    last_step = feature_steps(len(images))
    train_step = _training_step(network, _feature_loss(network), images, labels, last_step, 0)
    _train(network.name, train_step, last_step)
    trained = keras.Model(network.inputs, network.outputs[0], name="features")
    _scale(trained, images)
    return trained


def _feature_loss(network: keras.Model) -> Loss:
    def loss(batch: tf.Tensor, batch_labels: tf.Tensor, rng: BatchRng) -> tf.Tensor:
        views = tf.concat([_view(batch, rng, "first"), _view(batch, rng, "second")], 0)
        _, projections, *logits = network(views, training=True)
        of_attributes = _cross_entropy(logits, tf.concat([batch_labels] * 2, 0))
        return _contrastive(projections) + of_attributes

    return loss


def train_classifier(
    images: np.ndarray, labels: np.ndarray, sizes: Sequence[int], seed: int = 0
) -> keras.Model:
    """A trained classifier: pictures in [0, 1] to logits `[N, size]` of each attribute.

    Args:
      images: uint8 `[N, height, width, channels]`.
      labels: integers `[N, attributes]`, -1 where a value is missing.
      sizes: the number of values of each attribute; at least one.
      seed: decides the initial weights, the order of the pictures and the augmentation.

    Raises:
      Stopped: the run was asked to stop.
    """
    network = classifier(images.shape[1:], sizes)
    last_step = steps(len(images))
    train_step = _training_step(network, _class_loss(network), images, labels, last_step, seed)
    _train(network.name, train_step, last_step)
    return network


def _class_loss(network: keras.Model) -> Loss:
    def loss(batch: tf.Tensor, batch_labels: tf.Tensor, rng: BatchRng) -> tf.Tensor:
        shifted = augment(("translation",), batch, 0.0, rng, "classifier")
        return _cross_entropy(outputs(network, shifted, training=True), batch_labels)

    return loss


def seconds_to_train(images: np.ndarray, labels: np.ndarray, sizes: Sequence[int]) -> float:
    """How long the training of both networks takes here, by some steps of each."""
    features = feature_network(images.shape[1:], sizes)
    trials = [(features, _feature_loss(features), feature_steps(len(images)))]
    if sizes:
        classes = classifier(images.shape[1:], sizes)
        trials.append((classes, _class_loss(classes), steps(len(images))))
    total = 0.0
    for network, loss, last_step in trials:
        started = time.monotonic()
        train_step = _training_step(network, loss, images, labels, last_step, 0)
        train_step(0)
        total += time.monotonic() - started
        started = time.monotonic()
        for step in range(1, TRIAL_STEPS + 1):
            train_step(step)
        total += (time.monotonic() - started) / TRIAL_STEPS * (last_step - 1)
    return total


def steps(examples: int) -> int:
    """Steps of the classifier's training on so many pictures: bounded for any number."""
    return min(max(PASSES * examples // BATCH, FEWEST_STEPS), MOST_STEPS)


def feature_steps(examples: int) -> int:
    """Steps of the feature network's, each of which sees every picture in two views."""
    return max(steps(examples) // 2, FEWEST_STEPS)


def _train(name: str, train_step: Callable[[int], None], last_step: int) -> None:
    """Trains a network to its last step, and says how far it is.

    Raises:
      Stopped: the run was asked to stop.
    """
    started, line = time.monotonic(), Interval(_PROGRESS_SECONDS)
    for step in signals.until_stopped(activity.each(range(last_step), f"training the {name}")):
        train_step(step)
        if line.has_passed():
            left = (time.monotonic() - started) / (step + 1) * (last_step - step - 1)
            log.info("%s: step %d of %d, %.0f s left", name, step + 1, last_step, left)


def _training_step(
    network: keras.Model,
    loss: Loss,
    images: np.ndarray,
    labels: np.ndarray,
    last_step: int,
    seed: int,
) -> Callable[[int], None]:
    """Initialises a network, and gives what trains it by one step, to the same weights each time.

    AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) with a cosine schedule of the learning
    rate. Only a batch at a time is read from the pictures, which may be mapped files.
    """
    initialise(network, seed, network.name)
    learning_rate = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, last_step)
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=0.05)
    optimizer.build(network.trainable_variables)

    @tf.function(autograph=False)
    def train_on(batch: tf.Tensor, batch_labels: tf.Tensor, step: tf.Tensor) -> None:
        rng = BatchRng(seed, step, 0, batch.shape[0])
        with tf.GradientTape() as tape:
            value = loss(pixels.to_floats(batch, 0.0), batch_labels, rng)
        variables = [variable.value for variable in network.trainable_variables]
        optimizer.apply(tape.gradient(value, variables), network.trainable_variables)

    batch_size, read = min(BATCH, len(images)), reading.reader(images)

    def train_step(step: int) -> None:
        rows = np.sort(order.batches(seed, len(images), batch_size, step, 1)[0])
        train_on(
            tf.constant(read(rows)),
            tf.constant(labels[rows], tf.int32),
            tf.constant(step, tf.int64),
        )

    return train_step


def _view(images: tf.Tensor, rng: BatchRng, stream: str) -> tf.Tensor:
    """Pictures in [0, 1] shifted, with a square cut out, and channels by a gain of their own."""
    images = augment(("translation", "cutout"), images, 0.0, rng, stream)
    channels = images.shape[-1]
    gains = _LARGEST_GAIN ** (2 * rng.uniform(f"{stream}/gain", channels) - 1)
    return images * gains[:, tf.newaxis, tf.newaxis]


def _contrastive(projections: tf.Tensor) -> tf.Tensor:
    """The normalised cross entropy of telling a view's partner from all other views.

    Args:
      projections: `[2 N, D]`, the second views in the order of the first.
    """
    unit = tf.math.l2_normalize(projections, -1)
    views = tf.shape(unit)[0]
    similarities = tf.matmul(unit, unit, transpose_b=True) / _TEMPERATURE
    similarities -= 1e9 * tf.eye(views)
    partners = (tf.range(views) + views // 2) % views
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(partners, similarities)
    return tf.reduce_mean(losses)


def _cross_entropy(logits: Sequence[tf.Tensor], labels: tf.Tensor) -> tf.Tensor:
    """The sum over attributes of the mean over the pictures that have a value."""
    total = tf.constant(0.0)
    for number, each in enumerate(logits):
        values = labels[:, number]
        given = tf.cast(values >= 0, tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(values, 0), each)
        total += tf.reduce_sum(losses * given) / tf.maximum(tf.reduce_sum(given), 1.0)
    return total


def _scale(network: keras.Model, images: np.ndarray) -> None:
    """Scales the features to a mean variance of one: losses leave their scale open."""
    rows = np.sort(order.permutation(0, 0, len(images))[:SCALED_BY])
    read = reading.reader(images)
    features = np.concatenate(
        [
            network(pixels.to_floats(tf.constant(read(rows[first : first + BATCH])), 0.0))
            for first in range(0, len(rows), BATCH)
        ]
    )
    deviation = float(np.sqrt(np.mean(np.var(features, axis=0, dtype=np.float64))))
    if deviation > 0:
        layer = network.get_layer("features")
        for variable in (layer.kernel, layer.bias):
            variable.assign(variable / deviation)
