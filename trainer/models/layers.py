"""Custom layers, and the initial weights of networks."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from trainer import randomness
from trainer.models import forms
from trainer.models.convolutions import add_bias


@keras.saving.register_keras_serializable("fashion_gan")
class Dropout(keras.layers.Layer):
    """Dropout (Srivastava et al. 2014) whose mask depends on the example's row of the global batch.

    Keras's layer draws the same mask on every replica, and its state is in no checkpoint.
    """

    def __init__(self, rate: float, **options) -> None:
        super().__init__(**options)
        self.rate = rate

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Zeroes a fraction `rate` of the inputs and scales up the rest, in training only."""
        if not training or self.rate == 0:
            return inputs
        mask = randomness.keep_mask(self.name, tuple(inputs.shape[1:]), 1 - self.rate)
        return inputs * (tf.cast(mask, inputs.dtype) * (1 / (1 - self.rate)))

    def get_config(self) -> dict:
        """The layer's arguments."""
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("fashion_gan")
class Dense(keras.layers.Dense):
    """A fully connected layer over vectors, with the bias gradient of `add_bias`."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """`[N, inputs]` to `[N, units]`."""
        outputs = tf.matmul(inputs, tf.convert_to_tensor(self.kernel))
        return self.activation(add_bias(outputs, self.bias) if self.use_bias else outputs)


@keras.saving.register_keras_serializable("fashion_gan")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation (Ioffe and Szegedy 2015) by the statistics of the global batch.

    Sums over examples are in float64, so that their order, which depends on the number of
    replicas, does not change the float32 result. Keras's synchronised layer differs in the sixth
    digit, which can change an activation's sign, and so the gradient of a small batch.
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

    Automatic differentiation takes twice the time, with a pass over the activations for each term.
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

        def gradients(
            output_gradients: tf.Tensor, *_: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            float_gradients = tf.cast(output_gradients, tf.float32)
            gradient_sums = _sums(float_gradients, float_gradients * floats)
            by_beta, by_gamma = _centred(gradient_sums, exact_mean)
            mean_gradient, mean_product = _centred(_means(gradient_sums, floats), exact_mean)
            factor = scale * mean_product / tf.square(deviation)
            direct = _affine(output_gradients, scale, -scale * mean_gradient)
            by_inputs = direct - _affine(inputs, factor, -factor * mean)
            return by_inputs, by_gamma / deviation, by_beta

        return (_affine(inputs, scale, beta - mean * scale), mean, variance), gradients

    return normalised(inputs, gamma, beta)


def _sums(*values: tf.Tensor) -> tf.Tensor:
    """Sums of each over all axes but the last: float64 `[len(values), channels]`."""
    positions = list(range(1, len(values[0].shape) - 1))
    per_example = [tf.reduce_sum(each, positions) for each in values]
    return tf.stack([tf.reduce_sum(tf.cast(each, tf.float64), 0) for each in per_example])


def _means(sums: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Means over the global batch, from this replica's sums of values of this shape."""
    count = tf.cast(tf.size(values) // values.shape[-1], tf.float64)
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync > 1:
        sums = context.all_reduce(tf.distribute.ReduceOp.SUM, sums)
        count *= context.num_replicas_in_sync
    return sums / count


def _centred(sums: tf.Tensor, mean: tf.Tensor) -> list[tf.Tensor]:
    """The gradients' sums, and those of their products with centred inputs, in float32."""
    gradients, products = tf.unstack(sums)
    return [tf.cast(each, tf.float32) for each in (gradients, products - mean * gradients)]


def _affine(values: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Scales and shifts channels, in float32."""
    if values.dtype.name not in forms.current().batch_norm_kernel:
        return tf.cast(tf.cast(values, tf.float32) * scale + shift, values.dtype)
    # In one pass: batch normalisation with mean 0 and variance 1.
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
    """Draws the network's kernels again, each from its own initializer and seed.

    Keras seeds initializers from global state; this makes them a function of `seed` and `name`.

    Raises:
      ValueError: a weight that is neither a kernel nor constant would keep Keras's draw.
    """
    kernel_layers = [layer for layer in network.layers if hasattr(layer, "kernel_initializer")]
    entropy = [seed, *name.encode()]
    seeds = np.random.SeedSequence(entropy).generate_state(len(kernel_layers))
    for layer, layer_seed in zip(kernel_layers, seeds, strict=True):
        initializer = layer.kernel_initializer
        settings = initializer.get_config()
        if "seed" not in settings:  # a constant
            continue
        seeded = type(initializer).from_config({**settings, "seed": int(layer_seed >> 1)})
        layer.kernel.assign(seeded(layer.kernel.shape, dtype=layer.kernel.dtype))
    drawn = {layer.kernel.path for layer in kernel_layers}
    for weight in network.weights:
        if weight.path not in drawn and np.ptp(weight.numpy()) > 0:
            raise ValueError(f"the initial {weight.path} of the {name} is drawn from global state")
