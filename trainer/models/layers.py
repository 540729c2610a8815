"""Layers of our own, and the initial weights of all."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from trainer import randomness


@keras.saving.register_keras_serializable("fashion_gan")
class Dropout(keras.layers.Layer):
    """Dropout (Srivastava et al. 2014) whose mask belongs to the example's place in the batch.

    Keras's own draws the same mask on every replica, and its state is in no checkpoint.
    """

    def __init__(self, rate: float, **options) -> None:
        super().__init__(**options)
        self.rate = rate

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Zeroes a share of the inputs and scales up the rest, in training only."""
        if not training or self.rate == 0:
            return inputs
        noise = randomness.uniform_for_layer(self.name, tuple(inputs.shape[1:]))
        scale = tf.constant(1 / (1 - self.rate), inputs.dtype)
        return tf.where(noise >= self.rate, inputs * scale, tf.zeros_like(inputs))

    def get_config(self) -> dict:
        """The arguments that make this layer again."""
        return {**super().get_config(), "rate": self.rate}


def initialise(network: keras.Model, seed: int, name: str) -> None:
    """Draws the network's kernels again, each from its own initializer, seeded by place.

    Keras seeds initializers from global state; this makes them a function of `seed` and `name`.
    """
    kernels = [layer for layer in network.layers if hasattr(layer, "kernel_initializer")]
    entropy = [seed, *name.encode()]
    seeds = np.random.SeedSequence(entropy).generate_state(len(kernels))
    for layer, layer_seed in zip(kernels, seeds, strict=True):
        initializer = layer.kernel_initializer
        settings = {**initializer.get_config(), "seed": int(layer_seed >> 1)}
        seeded = type(initializer).from_config(settings)
        layer.kernel.assign(seeded(layer.kernel.shape, dtype=layer.kernel.dtype))


def without_own_layers(network: keras.Model) -> keras.Model:
    """The same network with Keras's layers for ours, so that files of it load without this code."""

    def replace(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, Dropout):
            return keras.layers.Dropout(layer.rate, name=layer.name)
        return type(layer).from_config(layer.get_config())

    clone = keras.models.clone_model(network, clone_function=replace)
    clone.set_weights(network.get_weights())
    return clone
