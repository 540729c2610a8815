"""The FashionGAN of Nicholas Renotte's tutorial: convolutions without stride.

https://github.com/nicknochnack/GANBasics
"""

from __future__ import annotations

import keras
from keras import layers

from trainer.models.conditioning import (
    discriminator_inputs,
    generator_inputs,
    label_planes,
)
from trainer.models.convolutions import Conv2D
from trainer.models.design import Design
from trainer.models.layers import Dense, Dropout

_CONVOLUTIONS = 4  # of the discriminator, as far as there are pixels for them
_SIZE = 5  # of their kernels


def generator(design: Design) -> keras.Model:
    """Images in [0, 1]."""
    ups, base = design.halvings, design.base
    inputs, x = generator_inputs(design.noise_dim, design.label_sizes)
    filters = min(4 * design.width, design.max_width)  # at every side
    x = Dense(base[0] * base[1] * filters, name="dense")(x)
    x = layers.LeakyReLU(0.2, name="dense_activation")(x)
    x = layers.Reshape((*base, filters), name="reshape")(x)
    for number in range(1, ups + 1):
        x = layers.UpSampling2D(name=f"up{number}")(x)
        x = Conv2D(filters, 5, name=f"up{number}_conv")(x)
        x = layers.LeakyReLU(0.2, name=f"up{number}_activation")(x)
    for number in (1, 2):
        x = Conv2D(filters, 4, name=f"conv{number}")(x)
        x = layers.LeakyReLU(0.2, name=f"conv{number}_activation")(x)
    channels = design.image_shape[2]
    images = Conv2D(channels, 4, activation="sigmoid", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(design: Design) -> keras.Model:
    """Convolutions without stride or padding, each with more filters; labels are input planes."""
    inputs, images, labels = discriminator_inputs(design.image_shape, design.label_sizes)
    x = label_planes(images, labels, design.label_sizes)
    count = min(_CONVOLUTIONS, (design.image_shape[0] - 1) // (_SIZE - 1))
    for number in range(1, count + 1):
        x = layers.Conv2D(design.channels(number - 1), _SIZE, name=f"conv{number}")(x)
        x = layers.LeakyReLU(0.2, name=f"conv{number}_activation")(x)
        x = Dropout(design.dropout, name=f"conv{number}_dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    x = Dropout(design.dropout, name="flatten_dropout")(x)
    logits = Dense(1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="discriminator")
