"""The DCGAN of TensorFlow's tutorial, after Radford et al. 2015 (arXiv:1511.06434)."""

from __future__ import annotations

import keras
from keras import layers

from trainer.models.conditioning import generator_inputs
from trainer.models.convolutions import Conv2DTranspose
from trainer.models.design import Design
from trainer.models.layers import BatchNormalization, Dense
from trainer.models.strided_discriminator import strided_discriminator

_SLOPE = 0.3


def generator(design: Design) -> keras.Model:
    """Images in [-1, 1]."""
    ups, base = design.halvings, design.base
    filters = design.channels(ups)
    inputs, x = generator_inputs(design.noise_dim, design.label_sizes)
    x = Dense(base[0] * base[1] * filters, use_bias=False, name="dense")(x)
    x = _normalised(x, "dense")
    x = layers.Reshape((*base, filters), name="reshape")(x)
    for number in range(1, ups + 1):
        name, stride = f"up{number}", 1 if number == 1 else 2
        filters = design.channels(ups - number)
        x = Conv2DTranspose(filters, 5, stride, use_bias=False, name=name)(x)
        x = _normalised(x, name)
    images = Conv2DTranspose(
        design.image_shape[2],
        5,
        2,
        use_bias=False,
        activation="tanh",
        dtype="float32",
        name="images",
    )(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(design: Design) -> keras.Model:
    """Strided convolutions; labels are input planes."""
    return strided_discriminator(design, _SLOPE)


def _normalised(x, name: str):
    x = BatchNormalization(name=f"{name}_normalisation")(x)
    return layers.LeakyReLU(_SLOPE, name=f"{name}_activation")(x)
