"""Small networks without any normalisation, for R3GAN's objective on CPUs.

The convolutions are ones that run near the peak of two cores: four by four with stride two, or
three by three at the smallest side. Initial weights after He et al. 2015 (arXiv:1502.01852), as
Keras counts: of transposed convolutions with half of the variance, for it takes their outputs for
inputs; modulated ones are normalised anyhow.
"""

from __future__ import annotations

import keras
from keras import layers

from trainer.models.conditioning import (
    discriminator_inputs,
    generator_inputs,
    projected_logits,
)
from trainer.models.convolutions import Conv2D, Conv2DTranspose
from trainer.models.design import Design
from trainer.models.layers import Dense

_FEATURES = 128
_SLOPE = 0.2
_INITIALIZER = "he_normal"


def generator(design: Design) -> keras.Model:
    """Images in [-1, 1], by tanh: half of all pixels are black, which a linear output rarely is."""
    ups, base = design.halvings, design.base
    filters = design.channels(ups)
    inputs, x = generator_inputs(design.noise_dim, design.label_sizes)
    units = base[0] * base[1] * filters
    x = Dense(units, kernel_initializer=_INITIALIZER, name="dense")(x)
    x = layers.LeakyReLU(_SLOPE, name="dense_activation")(x)
    x = layers.Reshape((*base, filters), name="reshape")(x)
    for number in range(1, ups + 1):
        filters = design.channels(ups - number)
        x = Conv2DTranspose(filters, 4, 2, kernel_initializer=_INITIALIZER, name=f"up{number}")(x)
        x = layers.LeakyReLU(_SLOPE, name=f"up{number}_activation")(x)
    channels = design.image_shape[2]
    images = Conv2D(channels, 3, activation="tanh", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(design: Design) -> keras.Model:
    """A projection discriminator. Has no dropout layers."""
    inputs, x, labels = discriminator_inputs(design.image_shape, design.label_sizes)
    downs = design.halvings
    for number in range(1, downs + 1):
        x = Conv2D(
            design.channels(number - 1),
            4,
            2,
            kernel_initializer=_INITIALIZER,
            name=f"down{number}",
        )(x)
        x = layers.LeakyReLU(_SLOPE, name=f"down{number}_activation")(x)
    x = Conv2D(design.channels(downs), 3, kernel_initializer=_INITIALIZER, name="conv")(x)
    x = layers.LeakyReLU(_SLOPE, name="conv_activation")(x)
    x = layers.Flatten(name="flatten")(x)
    x = Dense(_FEATURES, kernel_initializer=_INITIALIZER, name="features")(x)
    x = layers.LeakyReLU(_SLOPE, name="features_activation")(x)
    logits = projected_logits(x, labels, design.label_sizes)
    return keras.Model(inputs, logits, name="discriminator")
