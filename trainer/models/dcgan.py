"""The DCGAN of TensorFlow's tutorial, after Radford et al. 2015 (arXiv:1511.06434)."""

from __future__ import annotations

import keras
from keras import layers

from trainer.models.conditioning import (
    discriminator_inputs,
    generator_inputs,
    halvings,
    label_planes,
)
from trainer.models.layers import BatchNormalization, Dropout

_WIDTH = 64


def generator(noise_dim: int, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Images in [-1, 1]."""
    height, width, channels = image_shape
    ups = halvings(height)
    base, filters = (height >> ups, width >> ups), _WIDTH << ups
    inputs, x = generator_inputs(noise_dim, classes)
    x = layers.Dense(base[0] * base[1] * filters, use_bias=False, name="dense")(x)
    x = _normalised(x, "dense")
    x = layers.Reshape((*base, filters), name="reshape")(x)
    for number in range(1, ups + 1):
        name, stride = f"up{number}", 1 if number == 1 else 2
        filters //= 2
        x = layers.Conv2DTranspose(filters, 5, stride, padding="same", use_bias=False, name=name)(x)
        x = _normalised(x, name)
    images = layers.Conv2DTranspose(
        channels,
        5,
        2,
        padding="same",
        use_bias=False,
        activation="tanh",
        dtype="float32",
        name="images",
    )(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(image_shape: tuple[int, int, int], dropout: float, classes: int) -> keras.Model:
    """Strided convolutions; labels come in as planes."""
    inputs, images, labels = discriminator_inputs(image_shape, classes)
    x = label_planes(images, labels, classes)
    for number in range(1, halvings(image_shape[0]) + 1):
        filters = _WIDTH << (number - 1)
        x = layers.Conv2D(filters, 5, 2, padding="same", name=f"down{number}")(x)
        x = layers.LeakyReLU(0.3, name=f"down{number}_activation")(x)
        x = Dropout(dropout, name=f"down{number}_dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    logits = layers.Dense(1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="discriminator")


def _normalised(x, name: str):
    x = BatchNormalization(name=f"{name}_normalisation")(x)
    return layers.LeakyReLU(0.3, name=f"{name}_activation")(x)
