"""Keras's convolutions in the forms that a processor does fastest; on a GPU they are Keras's own.

Measured on an AMD EPYC with oneDNN, whose kernels take channels by sixteen: with one channel they
reach a twentieth of their peak, where a matrix product and sums of shifted parts reach a third. In
bfloat16 its gradient by the kernel runs at half of the peak, a forward convolution at all of it,
so at the smaller sides that gradient is one, with examples in the place of channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

FEW = 1  # channels: with three, sums of shifted parts win half of the time
SMALL = 8  # a side of results: larger ones would make larger kernels than are fast

Gradients = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@keras.saving.register_keras_serializable("fashion_gan")
class Conv2D(keras.layers.Conv2D):
    """A convolution with "same" padding and a square kernel."""

    def __init__(self, filters: int, kernel_size: int, strides: int = 1, **options) -> None:
        super().__init__(filters, kernel_size, strides, **{**options, "padding": "same"})

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Divides the sides by the stride."""
        if tf.config.list_logical_devices("GPU"):
            return super().call(inputs)
        kernel, stride = tf.convert_to_tensor(self.kernel), self.strides[0]
        if self.filters <= FEW and stride == 1:
            turned = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
            outputs = _overlapped(inputs, turned, 1, before=self.kernel_size[0] // 2)
        else:
            outputs = _convolved(inputs, kernel, stride)
        return self.activation(biased(outputs, self.bias) if self.use_bias else outputs)


@keras.saving.register_keras_serializable("fashion_gan")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """A transposed convolution with "same" padding and a square kernel."""

    def __init__(self, filters: int, kernel_size: int, strides: int = 1, **options) -> None:
        super().__init__(filters, kernel_size, strides, **{**options, "padding": "same"})

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Grows the sides by the stride."""
        if tf.config.list_logical_devices("GPU"):
            return super().call(inputs)
        stride = self.strides[0]
        sides = [stride * side for side in inputs.shape[1:3]]
        outputs = _spread(inputs, tf.convert_to_tensor(self.kernel), stride, sides)
        return self.activation(biased(outputs, self.bias) if self.use_bias else outputs)


def biased(outputs: tf.Tensor, bias: keras.Variable) -> tf.Tensor:
    """Adds a bias whose gradient is summed in float32, and rounded once.

    TensorFlow's own is summed in bfloat16 on a processor, where 256 and 1 make 256.
    """

    @tf.custom_gradient
    def added(outputs: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
        def gradients(slopes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return slopes, tf.reduce_sum(slopes, list(range(len(slopes.shape) - 1)))

        return tf.nn.bias_add(outputs, bias), gradients

    return added(outputs, tf.convert_to_tensor(bias))


def _convolved(images: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """The convolution of `[N, H, W, channels]` with `[size, size, channels, outputs]`."""

    @tf.custom_gradient
    def convolved(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
        def gradients(slopes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            by_images = _spread(slopes, kernel, stride, images.shape[1:3])
            return by_images, _by_kernel(images, slopes, kernel.shape[0], stride)

        return tf.nn.conv2d(images, kernel, stride, "SAME"), gradients

    return convolved(images, kernel)


def _spread(parts: tf.Tensor, kernel: tf.Tensor, stride: int, sides: Sequence[int]) -> tf.Tensor:
    """The transpose of `_convolved`: `[N, h, w, outputs]` to `[N, *sides, channels]`."""
    channels = kernel.shape[2]
    if channels <= FEW and all(side % stride == 0 for side in sides):
        return _overlapped(parts, kernel, stride, before=max(kernel.shape[0] - stride, 0) // 2)

    @tf.custom_gradient
    def spread(parts: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
        def gradients(slopes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            by_parts = _convolved(slopes, kernel, stride)
            return by_parts, _by_kernel(slopes, parts, kernel.shape[0], stride)

        shape = [tf.shape(parts)[0], *sides, channels]
        return tf.nn.conv2d_transpose(parts, kernel, shape, stride, "SAME"), gradients

    return spread(parts, kernel)


def _overlapped(parts: tf.Tensor, kernel: tf.Tensor, stride: int, before: int) -> tf.Tensor:
    """The same to few channels: each part is multiplied into its square, and squares are added.

    Args:
      parts: `[N, h, w, outputs]`.
      kernel: `[size, size, channels, outputs]`.
      stride: of the squares.
      before: rows and columns of the first squares that are cut off.

    Returns:
      `[N, stride * h, stride * w, channels]`
    """
    size, _, channels, depth = kernel.shape
    height, width = parts.shape[1:3]
    cells = -(-size // stride)  # of stride by stride pixels that a square touches, each way
    margin = [0, cells * stride - size]
    kernel = tf.pad(kernel, [margin, margin, [0, 0], [0, 0]])
    kernel = tf.reshape(kernel, [cells, stride, cells, stride, channels, depth])
    matrix = tf.reshape(tf.transpose(kernel, [0, 2, 1, 3, 4, 5]), [-1, depth])
    # Cells lead, and examples come last but for places: shifting then copies whole rows.
    squares = tf.matmul(matrix, tf.reshape(parts, [-1, depth]), transpose_b=True)
    squares = tf.reshape(squares, [cells**2, stride**2 * channels, -1, height, width])
    shifted = [
        tf.pad(part, [[0, 0], [0, 0], *([place, cells - 1 - place] for place in divmod(at, cells))])
        for at, part in enumerate(tf.unstack(squares))
    ]
    height, width = height + cells - 1, width + cells - 1
    images = tf.reshape(tf.add_n(shifted), [stride, stride, channels, -1, height, width])
    images = tf.transpose(images, [3, 4, 0, 5, 1, 2])
    images = tf.reshape(images, [-1, stride * height, stride * width, channels])
    rows, columns = (before + stride * side for side in parts.shape[1:3])
    return images[:, before:rows, before:columns]


def _by_kernel(images: tf.Tensor, slopes: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    """The gradient by the kernel, from the images and the slopes by what `_convolved` gives."""
    few = images.shape[3] <= FEW
    if images.dtype != tf.bfloat16 or few or max(slopes.shape[1:3]) > SMALL:
        return tf.raw_ops.Conv2DBackpropFilter(
            input=images,
            filter_sizes=[size, size, images.shape[3], slopes.shape[3]],
            out_backprop=slopes,
            strides=[1, stride, stride, 1],
            padding="SAME",
        )
    margins = []
    for side, parts in zip(images.shape[1:3], slopes.shape[1:3], strict=True):
        margin = max((parts - 1) * stride + size - side, 0)
        margins.append([margin // 2, margin - margin // 2])
    turned = tf.pad(tf.transpose(images, [3, 1, 2, 0]), [[0, 0], *margins, [0, 0]])
    filters = tf.transpose(slopes, [1, 2, 0, 3])
    by_kernel = tf.nn.conv2d(turned, filters, 1, "VALID", dilations=stride)
    return tf.transpose(by_kernel[:, :size, :size], [1, 2, 0, 3])
