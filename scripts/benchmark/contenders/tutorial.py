"""The loop of TensorFlow's DCGAN tutorial: a step in a `tf.function`, fed from tf.data."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from scripts.benchmark.contenders import NOISE_DIM, Train, keras_networks


def prepare(images: np.ndarray, batch_size: int, precision: str, eager: bool = False) -> Train:
    """See `scripts.benchmark.contenders`; `eager` leaves the `tf.function` out."""
    generator, discriminator = keras_networks.networks(precision)
    optimizers = keras_networks.optimizers()

    def step(real: tf.Tensor) -> tf.Tensor:
        latents = tf.random.normal([batch_size, NOISE_DIM])
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fakes = generator(latents, training=True)
            logits = discriminator(real, training=True), discriminator(fakes, training=True)
            losses = keras_networks.losses(*logits)
        for network, optimizer, tape, loss in zip(
            (generator, discriminator),
            optimizers,
            (generator_tape, discriminator_tape),
            losses,
            strict=True,
        ):
            weights = network.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return losses[0] + losses[1]

    feed = iter(keras_networks.batches(images, batch_size))
    take = step if eager else tf.function(step)

    def train(steps: int) -> float:
        for _ in range(steps):
            loss = take(next(feed))
        return float(loss)

    return train
