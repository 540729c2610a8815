"""Convolutions in the forms that are fastest where they run; see `forms`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from trainer.models import forms

FEW_CHANNELS = 1  # with three, overlap-add is faster only half of the time
SMALL_SIDE = 8  # of outputs: they become kernels, which are slow if larger

Gradients = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@keras.saving.register_keras_serializable("fashion_gan")
class Conv2D(keras.layers.Conv2D):
    """A convolution with "same" padding and a square kernel."""

    def __init__(self, filters: int, kernel_size: int, strides: int = 1, **options) -> None:
        super().__init__(filters, kernel_size, strides, **{**options, "padding": "same"})

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """`[N, H, W, channels]` to `[N, H / stride, W / stride, filters]`."""
        if forms.on_gpu():
            return super().call(inputs)
        outputs = self.convolved(inputs)
        return self.activation(add_bias(outputs, self.bias) if self.use_bias else outputs)

    def convolved(self, inputs: tf.Tensor) -> tf.Tensor:
        """The convolution alone, without bias and activation."""
        kernel, stride = tf.convert_to_tensor(self.kernel), self.strides[0]
        if forms.on_gpu():
            return tf.nn.conv2d(inputs, kernel, stride, "SAME")
        if self.filters <= FEW_CHANNELS and stride == 1 and _by_overlap_add(inputs, stride):
            flipped = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
            trim = self.kernel_size[0] // 2
            return _transposed_by_overlap_add(inputs, flipped, 1, trim)
        return _convolution(inputs, kernel, stride)


@keras.saving.register_keras_serializable("fashion_gan")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """A transposed convolution with "same" padding and a square kernel."""

    def __init__(self, filters: int, kernel_size: int, strides: int = 1, **options) -> None:
        super().__init__(filters, kernel_size, strides, **{**options, "padding": "same"})

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """`[N, h, w, channels]` to `[N, h * stride, w * stride, filters]`."""
        if forms.on_gpu():
            return super().call(inputs)
        outputs = self.convolved(inputs)
        return self.activation(add_bias(outputs, self.bias) if self.use_bias else outputs)

    def convolved(self, inputs: tf.Tensor) -> tf.Tensor:
        """The transposed convolution alone, without bias and activation."""
        kernel, stride = self.applied_kernel(), self.strides[0]
        sides = [stride * side for side in inputs.shape[1:3]]
        if forms.on_gpu():
            shape = [tf.shape(inputs)[0], *sides, self.filters]
            return tf.nn.conv2d_transpose(inputs, kernel, shape, stride, "SAME")
        return _transposed_convolution(inputs, kernel, stride, sides)

    def applied_kernel(self) -> tf.Tensor:
        """The kernel that inputs meet: `[size, size, filters, channels]`."""
        return tf.convert_to_tensor(self.kernel)


def add_bias(outputs: tf.Tensor, bias: keras.Variable) -> tf.Tensor:
    """Adds a bias whose gradient is summed in float32 and rounded once.

    TensorFlow sums it in bfloat16 on CPUs, where 256 + 1 is 256.
    """

    @tf.custom_gradient
    def added(outputs: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
        def gradients(output_gradients: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            axes = list(range(len(output_gradients.shape) - 1))
            return output_gradients, tf.reduce_sum(output_gradients, axes)

        return tf.nn.bias_add(outputs, bias), gradients

    return added(outputs, tf.convert_to_tensor(bias))


def _convolution(images: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """The convolution of `[N, H, W, channels]` with `[size, size, channels, filters]`."""

    @tf.custom_gradient
    def convolution(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
        def gradients(output_gradients: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            sides = images.shape[1:3]
            by_images = _transposed_convolution(output_gradients, kernel, stride, sides)
            return by_images, _kernel_gradient(images, output_gradients, kernel.shape[0], stride)

        return tf.nn.conv2d(images, kernel, stride, "SAME"), gradients

    return convolution(images, kernel)


def _transposed_convolution(
    inputs: tf.Tensor, kernel: tf.Tensor, stride: int, sides: Sequence[int]
) -> tf.Tensor:
    """The transpose of `_convolution`: `[N, h, w, filters]` to `[N, *sides, channels]`."""
    channels = kernel.shape[2]
    few = channels <= FEW_CHANNELS and _by_overlap_add(inputs, stride)
    if few and all(side % stride == 0 for side in sides):
        trim = max(kernel.shape[0] - stride, 0) // 2
        return _transposed_by_overlap_add(inputs, kernel, stride, trim)

    @tf.custom_gradient
    def transposed(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
        def gradients(output_gradients: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            by_inputs = _convolution(output_gradients, kernel, stride)
            return by_inputs, _kernel_gradient(output_gradients, inputs, kernel.shape[0], stride)

        shape = [tf.shape(inputs)[0], *sides, channels]
        return tf.nn.conv2d_transpose(inputs, kernel, shape, stride, "SAME"), gradients

    return transposed(inputs, kernel)


def _by_overlap_add(inputs: tf.Tensor, stride: int) -> bool:
    """Whether that is the form for these inputs."""
    chosen = forms.current()
    return inputs.dtype.name in (chosen.overlap_add if stride == 1 else chosen.strided_overlap_add)


def _transposed_by_overlap_add(
    inputs: tf.Tensor, kernel: tf.Tensor, stride: int, trim: int
) -> tf.Tensor:
    """The same for few channels: each input's product with the kernel, added where they overlap.

    Args:
      inputs: `[N, h, w, filters]`.
      kernel: `[size, size, channels, filters]`.
      stride: of the output, per input.
      trim: rows and columns that are removed at the top and left.

    Returns:
      `[N, stride * h, stride * w, channels]`
    """
    size, _, channels, filters = kernel.shape
    height, width = inputs.shape[1:3]
    cells = -(-size // stride)  # of stride by stride pixels that the kernel covers, each way
    margin = [0, cells * stride - size]
    kernel = tf.pad(kernel, [margin, margin, [0, 0], [0, 0]])
    kernel = tf.reshape(kernel, [cells, stride, cells, stride, channels, filters])
    matrix = tf.reshape(tf.transpose(kernel, [0, 2, 1, 3, 4, 5]), [-1, filters])
    # Cells are the first axis, height and width the last: padding then copies contiguous rows.
    products = tf.matmul(matrix, tf.reshape(inputs, [-1, filters]), transpose_b=True)
    products = tf.reshape(products, [cells**2, stride**2 * channels, -1, height, width])
    shifted = [
        tf.pad(cell, [[0, 0], [0, 0], *([first, cells - 1 - first] for first in divmod(i, cells))])
        for i, cell in enumerate(tf.unstack(products))
    ]
    height, width = height + cells - 1, width + cells - 1
    # Nobody else holds what was padded, so this sum, too, has one order (`system/determinism.py`).
    images = tf.reshape(tf.add_n(shifted), [stride, stride, channels, -1, height, width])
    images = tf.transpose(images, [3, 4, 0, 5, 1, 2])
    images = tf.reshape(images, [-1, stride * height, stride * width, channels])
    rows, columns = (trim + stride * side for side in inputs.shape[1:3])
    return images[:, trim:rows, trim:columns]


def _kernel_gradient(
    images: tf.Tensor, output_gradients: tf.Tensor, size: int, stride: int
) -> tf.Tensor:
    """The gradient by the kernel of `_convolution`, of `size` by `size`."""
    small = images.shape[3] > FEW_CHANNELS and max(output_gradients.shape[1:3]) <= SMALL_SIDE
    if not (small and images.dtype.name in forms.current().forward_kernel_gradients):
        return tf.raw_ops.Conv2DBackpropFilter(
            input=images,
            filter_sizes=[size, size, images.shape[3], output_gradients.shape[3]],
            out_backprop=output_gradients,
            strides=[1, stride, stride, 1],
            padding="SAME",
        )
    margins = []
    for side, output_side in zip(images.shape[1:3], output_gradients.shape[1:3], strict=True):
        margin = max((output_side - 1) * stride + size - side, 0)
        margins.append([margin // 2, margin - margin // 2])
    inputs = tf.pad(tf.transpose(images, [3, 1, 2, 0]), [[0, 0], *margins, [0, 0]])
    kernel = tf.transpose(output_gradients, [1, 2, 0, 3])
    gradient = tf.nn.conv2d(inputs, kernel, 1, "VALID", dilations=stride)
    return tf.transpose(gradient[:, :size, :size], [1, 2, 0, 3])
