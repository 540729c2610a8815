"""The FashionGAN of Nicholas Renotte's tutorial: convolutions without stride.

https://github.com/nicknochnack/GANBasics
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from trainer.models.conditioning import (
    discriminator_inputs,
    generator_inputs,
    halvings,
    label_planes,
)
from trainer.models.convolutions import Conv2D
from trainer.models.layers import Dense, Dropout

_WIDTH = 128


def generator(
    noise_dim: int, image_shape: tuple[int, int, int], label_sizes: Sequence[int]
) -> keras.Model:
    """Images in [0, 1]."""
    height, width, channels = image_shape
    ups = halvings(height)
    base = (height >> ups, width >> ups)
    inputs, x = generator_inputs(noise_dim, label_sizes)
    x = Dense(base[0] * base[1] * _WIDTH, name="dense")(x)
    x = layers.LeakyReLU(0.2, name="dense_activation")(x)
    x = layers.Reshape((*base, _WIDTH), name="reshape")(x)
    for number in range(1, ups + 1):
        x = layers.UpSampling2D(name=f"up{number}")(x)
        x = Conv2D(_WIDTH, 5, name=f"up{number}_conv")(x)
        x = layers.LeakyReLU(0.2, name=f"up{number}_activation")(x)
    for number in (1, 2):
        x = Conv2D(_WIDTH, 4, name=f"conv{number}")(x)
        x = layers.LeakyReLU(0.2, name=f"conv{number}_activation")(x)
    images = Conv2D(channels, 4, activation="sigmoid", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(
    image_shape: tuple[int, int, int], dropout: float, label_sizes: Sequence[int]
) -> keras.Model:
    """Four convolutions without stride or padding; labels are input planes."""
    inputs, images, labels = discriminator_inputs(image_shape, label_sizes)
    x = label_planes(images, labels, label_sizes)
    for number, filters in enumerate((32, 64, 128, 256), start=1):
        x = layers.Conv2D(filters, 5, name=f"conv{number}")(x)
        x = layers.LeakyReLU(0.2, name=f"conv{number}_activation")(x)
        x = Dropout(dropout, name=f"conv{number}_dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    x = Dropout(dropout, name="flatten_dropout")(x)
    logits = Dense(1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="discriminator")
