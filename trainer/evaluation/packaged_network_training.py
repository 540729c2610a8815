"""How classifiers like those of the package are trained, of real images or of a run's.

The package's own were trained with this, and a run's accuracy score trains one on what it draws.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from trainer.data import order, pixels
from trainer.evaluation import evaluation_networks
from trainer.gan.augmentation import augment
from trainer.models.layers import initialise
from trainer.randomness import BatchRng
from trainer.system import activity

BATCH = 128


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
