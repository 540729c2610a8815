"""SNGAN's residual networks (Miyato et al. 2018, arXiv:1802.05957), of half the width
in the discriminator, of a quarter in the generator.
"""

from __future__ import annotations

import keras
from keras import layers

from trainer.models.conditioning import (
    discriminator_inputs,
    generator_inputs,
    projected_logits,
)
from trainer.models.convolutions import Conv2D
from trainer.models.design import Design
from trainer.models.layers import BatchNormalization, Dense


def generator(design: Design) -> keras.Model:
    """Images in [-1, 1]; one block per doubling, with batch normalisation."""
    ups, base = design.halvings, design.base
    inputs, x = generator_inputs(design.noise_dim, design.label_sizes)
    filters = design.channels(ups)
    x = Dense(base[0] * base[1] * filters, name="dense")(x)
    x = layers.Reshape((*base, filters), name="reshape")(x)
    for number in range(1, ups + 1):
        x = _up_block(x, design.channels(ups - number), f"up{number}")
    x = BatchNormalization(name="last_normalisation")(x)
    x = layers.ReLU(name="last_activation")(x)
    channels = design.image_shape[2]
    images = Conv2D(channels, 3, activation="tanh", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(design: Design) -> keras.Model:
    """A projection discriminator; one block per halving, and two more. Has no dropout layers.

    Features are sums over all places, as the paper has them: of means, with kernels that cannot
    grow, logits would stay within hinge loss's margins.
    """
    return _discriminator(design, sums=True)


def discriminator_of_means(design: Design) -> keras.Model:
    """The same with means, as it was before."""
    return _discriminator(design, sums=False)


def _discriminator(design: Design, sums: bool) -> keras.Model:
    inputs, x, labels = discriminator_inputs(design.image_shape, design.label_sizes)
    downs = design.halvings
    for number in range(1, downs + 1):
        filters = design.channels(number - 1)
        x = _down_block(x, filters, f"down{number}", activated=number > 1, halved=True)
    for number in (1, 2):
        x = _down_block(x, filters, f"block{number}", activated=True, halved=False)
    x = layers.ReLU(name="last_activation")(x)
    height, width = x.shape[1:3]
    x = layers.GlobalAveragePooling2D(name="features")(x)
    if sums:
        x = layers.Rescaling(height * width, name="summed_features")(x)
    logits = projected_logits(x, labels, design.label_sizes)
    return keras.Model(inputs, logits, name="discriminator")


def _up_block(x, filters: int, name: str):
    """Doubles the sides; batch normalisation and ReLU before each of two convolutions."""
    shortcut = layers.UpSampling2D(name=f"{name}_skip_resized")(x)
    shortcut = Conv2D(filters, 1, name=f"{name}_skip")(shortcut)
    for number in (1, 2):
        x = BatchNormalization(name=f"{name}_normalisation{number}")(x)
        x = layers.ReLU(name=f"{name}_activation{number}")(x)
        if number == 1:
            x = layers.UpSampling2D(name=f"{name}_resized")(x)
        x = Conv2D(filters, 3, name=f"{name}_conv{number}")(x)
    return layers.Add(name=f"{name}_sum")([shortcut, x])


def _down_block(x, filters: int, name: str, activated: bool, halved: bool):
    """Two convolutions and a shortcut; without ReLU before the first where the input is pixels."""
    shortcut = x
    if halved:
        shortcut = layers.AveragePooling2D(2, name=f"{name}_skip_resized")(shortcut)
        shortcut = Conv2D(filters, 1, name=f"{name}_skip")(shortcut)
    for number in (1, 2):
        if activated or number == 2:
            x = layers.ReLU(name=f"{name}_activation{number}")(x)
        x = Conv2D(filters, 3, name=f"{name}_conv{number}")(x)
    if halved:
        x = layers.AveragePooling2D(2, name=f"{name}_resized")(x)
    return layers.Add(name=f"{name}_sum")([shortcut, x])
