"""Layers of our own, and the initial weights of all."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from trainer import randomness
from trainer.models.convolutions import biased


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
        kept = randomness.chances_for_layer(self.name, tuple(inputs.shape[1:]), 1 - self.rate)
        return inputs * (tf.cast(kept, inputs.dtype) * (1 / (1 - self.rate)))

    def get_config(self) -> dict:
        """The arguments that make this layer again."""
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("fashion_gan")
class Dense(keras.layers.Dense):
    """A fully connected layer over vectors, whose bias learns in bfloat16, too (see `biased`)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """`[N, inputs]` to `[N, units]`."""
        outputs = tf.matmul(inputs, tf.convert_to_tensor(self.kernel))
        return self.activation(biased(outputs, self.bias) if self.use_bias else outputs)


@keras.saving.register_keras_serializable("fashion_gan")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation (Ioffe and Szegedy 2015) by the statistics of the global batch.

    Examples are summed in float64, so that their order, which changes with the number of
    replicas, does not show in float32: Keras's synchronised layer differs in the sixth digit,
    enough to carry an activation over the kink at zero, and a small batch's gradient with it.
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Normalises over all axes but the last; in training, updates the moving statistics."""
        if not training:
            return super().call(inputs, training=False)
        weights = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        outputs, mean, variance = _normalised(inputs, *weights, self.epsilon)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1 - self.momentum))
        return outputs


def _normalised(
    inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The outputs, and mean and variance of the global batch, which have no gradient.

    Automatic differentiation takes twice the time: it goes over the activations for each term.
    """

    @tf.custom_gradient
    def normalised(inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor):
        floats = tf.cast(inputs, tf.float32)
        sums = _sums(floats, tf.square(floats))
        exact_mean, mean_of_squares = tf.unstack(_means(sums, floats))
        variance = tf.cast(mean_of_squares - tf.square(exact_mean), tf.float32)
        mean, variance = tf.cast(exact_mean, tf.float32), tf.maximum(variance, 0)
        deviation = tf.sqrt(variance + epsilon)
        scale = gamma / deviation

        def gradients(slopes: tf.Tensor, *_: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            steep = tf.cast(slopes, tf.float32)
            here = _sums(steep, steep * floats)
            by_beta, by_gamma = _with_deviations(here, exact_mean)
            mean_slope, mean_product = _with_deviations(_means(here, floats), exact_mean)
            factor = scale * mean_product / tf.square(deviation)
            straight = _scaled(slopes, scale, -scale * mean_slope)
            by_inputs = straight - _scaled(inputs, factor, -factor * mean)
            return by_inputs, by_gamma / deviation, by_beta

        return (_scaled(inputs, scale, beta - mean * scale), mean, variance), gradients

    return normalised(inputs, gamma, beta)


def _sums(*values: tf.Tensor) -> tf.Tensor:
    """Of each over all axes but the last: float64 `[len(values), channels]`."""
    places = list(range(1, len(values[0].shape) - 1))
    of_examples = [tf.reduce_sum(each, places) for each in values]
    return tf.stack([tf.reduce_sum(tf.cast(each, tf.float64), 0) for each in of_examples])


def _means(sums: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Means over the global batch from this replica's sums of such values."""
    count = tf.cast(tf.size(values) // values.shape[-1], tf.float64)
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync > 1:
        sums = context.all_reduce(tf.distribute.ReduceOp.SUM, sums)
        count *= context.num_replicas_in_sync
    return sums / count


def _with_deviations(of_slopes: tf.Tensor, mean: tf.Tensor) -> list[tf.Tensor]:
    """Of slopes, and of their products with the inputs' deviations from the mean, in float32."""
    plain, with_inputs = tf.unstack(of_slopes)
    return [tf.cast(each, tf.float32) for each in (plain, with_inputs - mean * plain)]


def _scaled(values: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """A factor and a term a channel, in one pass: normalisation by statistics of 0 and 1."""
    vectors = len(values.shape) == 2
    outputs, *_ = tf.raw_ops.FusedBatchNormV3(
        x=values[:, tf.newaxis, tf.newaxis] if vectors else values,
        scale=scale,
        offset=shift,
        mean=tf.zeros_like(scale),
        variance=tf.ones_like(scale) - _EPSILON,
        epsilon=_EPSILON,
        is_training=False,
    )
    return outputs[:, 0, 0] if vectors else outputs


_EPSILON = 1e-3  # which the kernel adds to its variance of one


def initialise(network: keras.Model, seed: int, name: str) -> None:
    """Draws the network's kernels again, each from its own initializer, seeded by place.

    Keras seeds initializers from global state; this makes them a function of `seed` and `name`.

    Raises:
      ValueError: a weight that is neither a kernel nor constant would keep Keras's draw.
    """
    kernels = [layer for layer in network.layers if hasattr(layer, "kernel_initializer")]
    entropy = [seed, *name.encode()]
    seeds = np.random.SeedSequence(entropy).generate_state(len(kernels))
    for layer, layer_seed in zip(kernels, seeds, strict=True):
        initializer = layer.kernel_initializer
        settings = initializer.get_config()
        if "seed" not in settings:  # a constant
            continue
        seeded = type(initializer).from_config({**settings, "seed": int(layer_seed >> 1)})
        layer.kernel.assign(seeded(layer.kernel.shape, dtype=layer.kernel.dtype))
    drawn = {layer.kernel.path for layer in kernels}
    for weight in network.weights:
        if weight.path not in drawn and np.ptp(weight.numpy()) > 0:
            raise ValueError(f"the initial {weight.path} of the {name} is drawn from global state")


_KERAS_S_OWN = (
    keras.layers.Dense,
    keras.layers.BatchNormalization,
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
)


def without_own_layers(network: keras.Model) -> keras.Model:
    """The same network with Keras's layers for ours, so that files of it load without this code."""

    def replace(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, Dropout):
            return keras.layers.Dropout(layer.rate, name=layer.name)
        kind = next((each for each in _KERAS_S_OWN if isinstance(layer, each)), type(layer))
        return kind.from_config(layer.get_config())

    clone = keras.models.clone_model(network, clone_function=replace)
    clone.set_weights(network.get_weights())
    return clone
