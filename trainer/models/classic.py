"""A plain convolutional GAN: generator with batch normalisation and ReLU, strided discriminator."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from trainer.models.conditioning import generator_inputs, halvings
from trainer.models.convolutions import Conv2DTranspose
from trainer.models.layers import BatchNormalization, Dense
from trainer.models.strided_discriminator import strided_discriminator

_WIDTH = 32


def generator(
    noise_dim: int, image_shape: tuple[int, int, int], label_sizes: Sequence[int]
) -> keras.Model:
    """Images in [-1, 1]."""
    height, width, channels = image_shape
    ups = halvings(height)
    base, filters = (height >> ups, width >> ups), _WIDTH << ups
    inputs, x = generator_inputs(noise_dim, label_sizes)
    x = Dense(base[0] * base[1] * filters, name="dense")(x)
    x = _normalised(x, "dense")
    x = layers.Reshape((*base, filters), name="reshape")(x)
    for number in range(1, ups):
        filters //= 2
        x = Conv2DTranspose(filters, 5, 2, name=f"up{number}")(x)
        x = _normalised(x, f"up{number}")
    images = Conv2DTranspose(channels, 5, 2, activation="tanh", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(
    image_shape: tuple[int, int, int], dropout: float, label_sizes: Sequence[int]
) -> keras.Model:
    """Strided convolutions; labels are input planes."""
    return strided_discriminator(image_shape, dropout, label_sizes, _WIDTH, slope=0.2)


def _normalised(x, name: str):
    x = BatchNormalization(name=f"{name}_normalisation")(x)
    return layers.ReLU(name=f"{name}_activation")(x)
