"""Small networks without any normalisation, for R3GAN's objective on CPUs.

The convolutions are ones that run near the peak of two cores: four by four with stride two, or
three by three at the smallest side. Initial weights after He et al. 2015 (arXiv:1502.01852).
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
from trainer.models.convolutions import Conv2D, Conv2DTranspose
from trainer.models.layers import Dense

_WIDTH = 32
_FEATURES = 128
_SLOPE = 0.2
_INITIALIZER = "he_normal"


def generator(
    noise_dim: int, image_shape: tuple[int, int, int], label_sizes: Sequence[int]
) -> keras.Model:
    """Images in [-1, 1], by tanh: half of all pixels are black, which a linear output rarely is."""
    height, width, channels = image_shape
    ups = halvings(height)
    base, filters = (height >> ups, width >> ups), _WIDTH << ups
    inputs, x = generator_inputs(noise_dim, label_sizes)
    units = base[0] * base[1] * filters
    x = Dense(units, kernel_initializer=_INITIALIZER, name="dense")(x)
    x = layers.LeakyReLU(_SLOPE, name="dense_activation")(x)
    x = layers.Reshape((*base, filters), name="reshape")(x)
    for number in range(1, ups + 1):
        filters //= 2
        x = Conv2DTranspose(filters, 4, 2, kernel_initializer=_INITIALIZER, name=f"up{number}")(x)
        x = layers.LeakyReLU(_SLOPE, name=f"up{number}_activation")(x)
    images = Conv2D(channels, 3, activation="tanh", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(
    image_shape: tuple[int, int, int], dropout: float, label_sizes: Sequence[int]
) -> keras.Model:
    """A projection discriminator. Has no dropout layers."""
    del dropout
    inputs, x, labels = discriminator_inputs(image_shape, label_sizes)
    downs = halvings(image_shape[0])
    for number in range(1, downs + 1):
        x = Conv2D(
            _WIDTH << (number - 1),
            4,
            2,
            kernel_initializer=_INITIALIZER,
            name=f"down{number}",
        )(x)
        x = layers.LeakyReLU(_SLOPE, name=f"down{number}_activation")(x)
    filters = _WIDTH << downs
    x = Conv2D(filters, 3, kernel_initializer=_INITIALIZER, name="conv")(x)
    x = layers.LeakyReLU(_SLOPE, name="conv_activation")(x)
    x = layers.Flatten(name="flatten")(x)
    x = Dense(_FEATURES, kernel_initializer=_INITIALIZER, name="features")(x)
    x = layers.LeakyReLU(_SLOPE, name="features_activation")(x)
    logits = projected_logits(x, labels, label_sizes)
    return keras.Model(inputs, logits, name="discriminator")
