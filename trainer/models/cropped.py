"""The networks of Keras's WGAN-GP example: sides are powers of two, images cropped or padded.

https://keras.io/examples/generative/wgan_gp/
"""

from __future__ import annotations

import math

import keras
from keras import layers

from trainer.data.datasets import SMALLEST_SIDE
from trainer.models.conditioning import (
    discriminator_inputs,
    generator_inputs,
    label_planes,
)
from trainer.models.convolutions import Conv2D
from trainer.models.design import Design
from trainer.models.layers import BatchNormalization, Dense, Dropout


def generator(design: Design) -> keras.Model:
    """Images in [-1, 1]."""
    ups, (vertical, horizontal) = _doublings_and_margins(design.image_shape)
    inputs, x = generator_inputs(design.noise_dim, design.label_sizes)
    filters = min(4 * design.width, design.max_width)
    x = Dense(SMALLEST_SIDE**2 * filters, use_bias=False, name="dense")(x)
    x = _normalised(x, "dense")
    x = layers.Reshape((SMALLEST_SIDE, SMALLEST_SIDE, filters), name="reshape")(x)
    for number in range(1, ups):
        filters = max(filters // 2, design.width)
        x = layers.UpSampling2D(name=f"up{number}")(x)
        x = Conv2D(filters, 3, use_bias=False, name=f"conv{number}")(x)
        x = _normalised(x, f"conv{number}")
    x = layers.UpSampling2D(name=f"up{ups}")(x)
    x = Conv2D(design.image_shape[2], 3, activation="tanh", dtype="float32", name="pixels")(x)
    images = layers.Cropping2D((vertical, horizontal), dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(design: Design) -> keras.Model:
    """Strided convolutions; labels are input planes."""
    downs, (vertical, horizontal) = _doublings_and_margins(design.image_shape)
    inputs, images, labels = discriminator_inputs(design.image_shape, design.label_sizes)
    x = label_planes(images, labels, design.label_sizes)
    x = layers.ZeroPadding2D((vertical, horizontal), name="padded")(x)
    for number in range(1, downs + 2):
        x = Conv2D(design.channels(number - 1), 5, 2, name=f"down{number}")(x)
        x = layers.LeakyReLU(0.2, name=f"down{number}_activation")(x)
        if 1 < number <= downs:
            x = Dropout(design.dropout, name=f"down{number}_dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    x = Dropout(design.dropout, name="flatten_dropout")(x)
    logits = Dense(1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="discriminator")


def _doublings_and_margins(image_shape: tuple[int, int, int]) -> tuple[int, tuple[int, int]]:
    """Doublings of the smallest side, and the margin of the result on each side of the image."""
    height, width, _ = image_shape
    ups = math.ceil(math.log2(max(height, width) / SMALLEST_SIDE))
    side = SMALLEST_SIDE << ups
    return ups, ((side - height) // 2, (side - width) // 2)


def _normalised(x, name: str):
    x = BatchNormalization(name=f"{name}_normalisation")(x)
    return layers.LeakyReLU(0.2, name=f"{name}_activation")(x)
