"""R3GAN's residual networks without any normalisation (Huang et al. 2024, arXiv:2501.05441).

Scaled to small images: one block per resolution, of 48 to 192 channels. The paper's convolutions
are grouped; their second derivative takes TensorFlow on CPUs a hundred times as long.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from trainer.models.conditioning import (
    discriminator_inputs,
    generator_inputs,
    halvings,
    projected_logits,
)
from trainer.models.convolutions import Conv2D
from trainer.models.layers import Dense

_WIDTH = 48
_MAX_WIDTH = 192
_FEATURES = 256
_SLOPE = 0.2


def generator(
    noise_dim: int, image_shape: tuple[int, int, int], label_sizes: Sequence[int]
) -> keras.Model:
    """Images around [-1, 1]; the output is linear."""
    height, width, channels = image_shape
    ups = halvings(height)
    base = (height >> ups, width >> ups)
    inputs, x = generator_inputs(noise_dim, label_sizes)
    filters = _width_at(ups)
    x = Dense(base[0] * base[1] * filters, name="dense")(x)
    x = layers.Reshape((*base, filters), name="reshape")(x)
    x = _block(x, "block0")
    for number in range(1, ups + 1):
        x = layers.UpSampling2D(interpolation="bilinear", name=f"up{number}")(x)
        x = Conv2D(_width_at(ups - number), 1, use_bias=False, name=f"up{number}_conv")(x)
        x = _block(x, f"block{number}")
    images = Conv2D(channels, 1, dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(
    image_shape: tuple[int, int, int], dropout: float, label_sizes: Sequence[int]
) -> keras.Model:
    """A projection discriminator. Has no dropout layers."""
    del dropout
    inputs, x, labels = discriminator_inputs(image_shape, label_sizes)
    downs = halvings(image_shape[0])
    x = Conv2D(_width_at(0), 1, use_bias=False, name="from_images")(x)
    x = _block(x, "block0")
    for number in range(1, downs + 1):
        x = layers.AveragePooling2D(2, name=f"down{number}")(x)
        x = Conv2D(_width_at(number), 1, use_bias=False, name=f"down{number}_conv")(x)
        x = _block(x, f"block{number}")
    x = layers.Flatten(name="flatten")(x)
    x = Dense(_FEATURES, use_bias=False, name="features")(x)
    logits = projected_logits(x, labels, label_sizes)
    return keras.Model(inputs, logits, name="discriminator")


def _width_at(halvings_done: int) -> int:
    return min(_WIDTH << halvings_done, _MAX_WIDTH)


def _block(x, name: str):
    """A residual block of three convolutions; the last one's kernel is initially zero."""
    filters = x.shape[-1]
    y = Conv2D(filters, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_in")(x)
    y = _activated(y, f"{name}_in")
    y = Conv2D(filters, 3, kernel_initializer="he_normal", name=f"{name}_conv")(y)
    y = _activated(y, f"{name}_conv")
    y = Conv2D(filters, 1, use_bias=False, kernel_initializer="zeros", name=f"{name}_out")(y)
    return layers.Add(name=f"{name}_sum")([x, y])


def _activated(x, name: str):
    return layers.LeakyReLU(_SLOPE, name=f"{name}_activation")(x)
