"""Modulated convolutions: a style scales the channels that go in; what comes out is normalised.

(Karras et al. 2019, arXiv:1912.04958.) The paper scales the kernel for each example, which makes a
grouped convolution. Scaling the inputs before and the outputs after one plain convolution is the
same in exact arithmetic, and many times faster on a processor.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from trainer.models.convolutions import Conv2D, Conv2DTranspose

GAIN = 2**0.5  # of a leaky ReLU, which about halves the mean square
SLOPE = 0.2
EPSILON = 1e-8
_NONE, _PLACES = [0, 0], ([1, 0], [0, 1])  # pads of a kernel: none, and those that move it


class _Modulated(keras.layers.Layer):
    """What the convolutions below share: factors, noise, bias and leaky ReLU.

    They have `convolved`, and `squares`, how much of an input channel's variance comes out in an
    output channel's: float32 `[channels, filters]`.
    """

    def __init__(self, filters: int, kernel_size: int, *strides: int, noisy=False, **options):
        super().__init__(filters, kernel_size, *strides, **options)
        self.noisy = noisy

    def build(self, inputs_shape, factors_shape, noise_shape=None) -> None:
        """Makes kernel, bias, and the strength of the noise, which is zero at first."""
        del factors_shape, noise_shape
        super().build(inputs_shape)
        if self.noisy:
            self.strength = self.add_weight(shape=(), initializer="zeros", name="strength")

    def compute_output_shape(self, inputs_shape, factors_shape=None, noise_shape=None):
        """The outputs' shape."""
        del factors_shape, noise_shape
        return super().compute_output_shape(inputs_shape)

    def call(
        self, inputs: tf.Tensor, factors: tf.Tensor, noise: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Convolves, normalises, adds noise and bias, and activates.

        Args:
          inputs: `[N, H, W, channels]`.
          factors: of the channels, `[N, channels]`. In bfloat16 Keras casts them and the kernel,
            which rounds images less than their activations are rounded.
          noise: normal numbers, one a pixel of the outputs: float32 `[N, H, W, 1]`.
        """
        outputs = self.convolved(_scaled(inputs, factors))
        outputs = _scaled(outputs, GAIN * demodulation(factors, self.squares()))
        if self.noisy:
            outputs += tf.cast(tf.convert_to_tensor(self.strength) * noise, outputs.dtype)
        outputs += tf.cast(tf.convert_to_tensor(self.bias), outputs.dtype)
        return tf.nn.leaky_relu(outputs, SLOPE)

    def save_own_variables(self, store: dict) -> None:
        """All of them: Keras's convolutions save kernel and bias alone."""
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: dict) -> None:
        """What `save_own_variables` has saved."""
        keras.layers.Layer.load_own_variables(self, store)

    def get_config(self) -> dict:
        """The layer's arguments."""
        return {**super().get_config(), "noisy": self.noisy}


@keras.saving.register_keras_serializable("fashion_gan")
class ModulatedConv2D(_Modulated, Conv2D):  # type: ignore[misc]
    """A modulated and demodulated convolution: `[N, H, W, channels]` to `[N, H, W, filters]`."""

    def squares(self) -> tf.Tensor:
        """Sums over the kernel's pixels."""
        return tf.reduce_sum(tf.square(tf.convert_to_tensor(self.kernel.value)), [0, 1])


@keras.saving.register_keras_serializable("fashion_gan")
class ModulatedConv2DTranspose(_Modulated, Conv2DTranspose):  # type: ignore[misc]
    """A transposed one: `[N, h, w, channels]` to `[N, h * stride, w * stride, filters]`."""

    def squares(self) -> tf.Tensor:
        """The same; of `stride` times `stride` pixels of the kernel, one meets an output."""
        sums = tf.reduce_sum(tf.square(self.applied_kernel()), [0, 1])
        return tf.transpose(sums) / self.strides[0] ** 2


@keras.saving.register_keras_serializable("fashion_gan")
class ModulatedUpsampling(ModulatedConv2DTranspose):
    """Each pixel becomes four alike, and a convolution: both as one transposed convolution.

    A transposed convolution of a free kernel gives each of the four weights of its own, and images
    get a mesh of single pixels. (As in the code of Karras et al. 2017, arXiv:1710.10196.)
    """

    def __init__(self, filters: int, kernel_size: int, strides: int = 2, **options) -> None:
        super().__init__(filters, kernel_size, strides, **options)

    def applied_kernel(self) -> tf.Tensor:
        """The sum of the kernel at the four places: `[size + 1, size + 1, filters, channels]`."""
        kernel = super().applied_kernel()
        # By pads, for their gradients are slices; the gradients of slices took a sixth of a step.
        kernel = tf.add(*(tf.pad(kernel, [pad, _NONE, _NONE, _NONE]) for pad in _PLACES))
        return tf.add(*(tf.pad(kernel, [_NONE, pad, _NONE, _NONE]) for pad in _PLACES))


def demodulation(factors: tf.Tensor, squares: tf.Tensor) -> tf.Tensor:
    """One over the standard deviation of outputs whose inputs have variance one.

    Args:
      factors: of the inputs, `[N, channels]`, in the layer's precision.
      squares: `[channels, filters]`, likewise.

    Returns:
      `[N, filters]`, likewise.
    """
    return tf.math.rsqrt(tf.matmul(tf.square(factors), squares) + EPSILON)


def _scaled(values: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    return values * tf.cast(factors, values.dtype)[:, tf.newaxis, tf.newaxis]


def in_keras_layers(layer: ModulatedConv2D | ModulatedConv2DTranspose, inputs, factors, noise=None):
    """The outputs of a modulated layer by Keras's own layers, with its weights as they are now.

    For files that load without this code: demodulation then takes a matrix of squares that follows
    the kernel no more.

    Args:
      layer: is built.
      inputs: symbolic, `[N, H, W, channels]`.
      factors: symbolic, `[N, channels]`.
      noise: symbolic, `[N, H, W, 1]`, where the layer is noisy.
    """
    name, squares = layer.name, layer.squares().numpy()
    filters = squares.shape[1]
    x = times(inputs, factors, f"{name}_modulated")
    kind = layers.Conv2D if isinstance(layer, ModulatedConv2D) else layers.Conv2DTranspose
    kernel = layer.kernel if kind is layers.Conv2D else layer.applied_kernel()
    config = {key: value for key, value in layer.get_config().items() if key != "noisy"}
    size = kernel.shape[0]
    convolution = kind.from_config({**config, "kernel_size": size, "use_bias": False})
    x = convolution(x)
    convolution.set_weights([kernel.numpy()])
    variance = layers.Dense(filters, name=f"{name}_variance")
    variances = variance(layers.Multiply(name=f"{name}_squares")([factors, factors]))
    variance.set_weights([squares, np.full(filters, EPSILON, np.float32)])
    x = times(x, keras.ops.rsqrt(variances), f"{name}_demodulated")
    bias = layers.DepthwiseConv2D(1, name=f"{name}_bias")
    x = bias(x)
    bias.set_weights([np.full((1, 1, filters, 1), GAIN, np.float32), layer.bias.numpy()])
    if layer.noisy:
        strength = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_strength")
        x = layers.Add(name=f"{name}_noisy")([x, strength(noise)])
        strength.set_weights([np.full((1, 1, 1, filters), layer.strength.numpy())])
    return layers.LeakyReLU(SLOPE, name=f"{name}_activation")(x)


def times(inputs, factors, name: str):
    """Each channel times its factor, by Keras's layers.

    Args:
      inputs: symbolic, `[N, H, W, channels]`.
      factors: symbolic, `[N, channels]`.
      name: of the layer.
    """
    shaped = layers.Reshape((1, 1, inputs.shape[-1]), name=f"{name}_factors")(factors)
    return layers.Multiply(name=name)([inputs, shaped])
