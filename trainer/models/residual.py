"""SNGAN's residual networks (Miyato et al. 2018, arXiv:1802.05957), at half of their width."""

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
from trainer.models.convolutions import Conv2D
from trainer.models.layers import BatchNormalization, Dense

_WIDTH = 64


def generator(
    noise_dim: int, image_shape: tuple[int, int, int], label_sizes: Sequence[int]
) -> keras.Model:
    """Images in [-1, 1]; one block per doubling, with batch normalisation."""
    height, width, channels = image_shape
    ups = halvings(height)
    base = (height >> ups, width >> ups)
    inputs, x = generator_inputs(noise_dim, label_sizes)
    x = Dense(base[0] * base[1] * _WIDTH, name="dense")(x)
    x = layers.Reshape((*base, _WIDTH), name="reshape")(x)
    for number in range(1, ups + 1):
        x = _up_block(x, f"up{number}")
    x = BatchNormalization(name="last_normalisation")(x)
    x = layers.ReLU(name="last_activation")(x)
    images = Conv2D(channels, 3, activation="tanh", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(
    image_shape: tuple[int, int, int], dropout: float, label_sizes: Sequence[int]
) -> keras.Model:
    """A projection discriminator; one block per halving, and two more. Has no dropout layers."""
    del dropout
    inputs, x, labels = discriminator_inputs(image_shape, label_sizes)
    downs = halvings(image_shape[0])
    for number in range(1, downs + 1):
        x = _down_block(x, f"down{number}", activated=number > 1, halved=True)
    for number in (1, 2):
        x = _down_block(x, f"block{number}", activated=True, halved=False)
    x = layers.ReLU(name="last_activation")(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    logits = projected_logits(x, labels, label_sizes)
    return keras.Model(inputs, logits, name="discriminator")


def _up_block(x, name: str):
    """Doubles the sides; batch normalisation and ReLU before each of two convolutions."""
    shortcut = layers.UpSampling2D(name=f"{name}_skip_resized")(x)
    shortcut = Conv2D(_WIDTH, 1, name=f"{name}_skip")(shortcut)
    for number in (1, 2):
        x = BatchNormalization(name=f"{name}_normalisation{number}")(x)
        x = layers.ReLU(name=f"{name}_activation{number}")(x)
        if number == 1:
            x = layers.UpSampling2D(name=f"{name}_resized")(x)
        x = Conv2D(_WIDTH, 3, name=f"{name}_conv{number}")(x)
    return layers.Add(name=f"{name}_sum")([shortcut, x])


def _down_block(x, name: str, activated: bool, halved: bool):
    """Two convolutions and a shortcut; without ReLU before the first where the input is pixels."""
    shortcut = x
    if halved:
        shortcut = layers.AveragePooling2D(2, name=f"{name}_skip_resized")(shortcut)
        shortcut = Conv2D(_WIDTH, 1, name=f"{name}_skip")(shortcut)
    for number in (1, 2):
        if activated or number == 2:
            x = layers.ReLU(name=f"{name}_activation{number}")(x)
        x = Conv2D(_WIDTH, 3, name=f"{name}_conv{number}")(x)
    if halved:
        x = layers.AveragePooling2D(2, name=f"{name}_resized")(x)
    return layers.Add(name=f"{name}_sum")([shortcut, x])
