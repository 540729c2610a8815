"""The discriminator that several architectures share: strided convolutions and dropout."""

from __future__ import annotations

import keras
from keras import layers

from trainer.models.conditioning import discriminator_inputs, label_planes
from trainer.models.convolutions import Conv2D
from trainer.models.design import Design
from trainer.models.layers import Dense, Dropout


def strided_discriminator(design: Design, slope: float) -> keras.Model:
    """One convolution per halving; labels are input planes.

    (After Radford et al. 2015, arXiv:1511.06434, without normalisation.)
    """
    inputs, images, labels = discriminator_inputs(design.image_shape, design.label_sizes)
    x = label_planes(images, labels, design.label_sizes)
    for number in range(1, design.halvings + 1):
        x = Conv2D(design.channels(number - 1), 5, 2, name=f"down{number}")(x)
        x = layers.LeakyReLU(slope, name=f"down{number}_activation")(x)
        x = Dropout(design.dropout, name=f"down{number}_dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    logits = Dense(1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="discriminator")
