"""The discriminator that several architectures share: strided convolutions and dropout."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from trainer.models.conditioning import discriminator_inputs, halvings, label_planes
from trainer.models.convolutions import Conv2D
from trainer.models.layers import Dense, Dropout


def strided_discriminator(
    image_shape: tuple[int, int, int],
    dropout: float,
    label_sizes: Sequence[int],
    width: int,
    slope: float,
) -> keras.Model:
    """One convolution per halving, the first of `width` filters; labels are input planes.

    (After Radford et al. 2015, arXiv:1511.06434, without normalisation.)
    """
    inputs, images, labels = discriminator_inputs(image_shape, label_sizes)
    x = label_planes(images, labels, label_sizes)
    for number in range(1, halvings(image_shape[0]) + 1):
        filters = width << (number - 1)
        x = Conv2D(filters, 5, 2, name=f"down{number}")(x)
        x = layers.LeakyReLU(slope, name=f"down{number}_activation")(x)
        x = Dropout(dropout, name=f"down{number}_dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    logits = Dense(1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="discriminator")
