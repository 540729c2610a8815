"""The fully connected GAN of the first paper, Goodfellow et al. 2014 (arXiv:1406.2661)."""

from __future__ import annotations

import math

import keras
from keras import layers

from trainer.models.conditioning import (
    CONDITIONED,
    discriminator_inputs,
    generator_inputs,
    one_hot,
)
from trainer.models.design import Design
from trainer.models.layers import Dense, Dropout

_WIDTHS = (256, 512)


def generator(design: Design) -> keras.Model:
    """Images in [-1, 1]."""
    inputs, x = generator_inputs(design.noise_dim, design.label_sizes)
    for number, width in enumerate(_WIDTHS, start=1):
        x = Dense(width, name=f"dense{number}")(x)
        x = layers.LeakyReLU(0.2, name=f"dense{number}_activation")(x)
    x = Dense(math.prod(design.image_shape), activation="tanh", dtype="float32", name="pixels")(x)
    images = layers.Reshape(design.image_shape, dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")


def discriminator(design: Design) -> keras.Model:
    """One-hot labels are concatenated with the pixels."""
    inputs, images, labels = discriminator_inputs(design.image_shape, design.label_sizes)
    x = layers.Flatten(name="flatten")(images)
    if labels is not None:
        x = layers.Concatenate(name=CONDITIONED)([x, one_hot(labels, design.label_sizes)])
    for number, width in enumerate(reversed(_WIDTHS), start=1):
        x = Dense(width, name=f"dense{number}")(x)
        x = layers.LeakyReLU(0.2, name=f"dense{number}_activation")(x)
        x = Dropout(design.dropout, name=f"dense{number}_dropout")(x)
    logits = Dense(1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="discriminator")
