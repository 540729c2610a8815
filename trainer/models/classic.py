"""A plain convolutional GAN: generator with batch normalisation and ReLU, strided discriminator."""

from __future__ import annotations

import keras
from keras import layers

from trainer.models.conditioning import generator_inputs
from trainer.models.convolutions import Conv2DTranspose
from trainer.models.design import Design
from trainer.models.layers import BatchNormalization, Dense
from trainer.models.strided_discriminator import strided_discriminator


def generator(design: Design) -> keras.Model:
    """Images in [-1, 1]."""
    ups, base = design.halvings, design.base
    filters = design.channels(ups)
    inputs, x = generator_inputs(design.noise_dim, design.label_sizes)
    x = Dense(base[0] * base[1] * filters, name="dense")(x)
    x = _normalised(x, "dense")
    x = layers.Reshape((*base, filters), name="reshape")(x)
    for number in range(1, ups):
        x = Conv2DTranspose(design.channels(ups - number), 5, 2, name=f"up{number}")(x)
        x = _normalised(x, f"up{number}")
    channels = design.image_shape[2]
    images = Conv2DTranspose(channels, 5, 2, activation="tanh", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(design: Design) -> keras.Model:
    """Strided convolutions; labels are input planes."""
    return strided_discriminator(design, slope=0.2)


def _normalised(x, name: str):
    x = BatchNormalization(name=f"{name}_normalisation")(x)
    return layers.ReLU(name=f"{name}_activation")(x)
