"""The networks of `fashion`, the generator's convolutions modulated by styles.

(Karras et al. 2018 and 2019, arXiv:1812.04948 and arXiv:1912.04958.)
"""

from __future__ import annotations

import keras
from keras import layers

from trainer.models import fashion, mapping
from trainer.models.conditioning import generator_inputs
from trainer.models.convolutions import Conv2D
from trainer.models.design import Design
from trainer.models.layers import Dense
from trainer.models.modulation import ModulatedConv2DTranspose

_INITIALIZER = "he_normal"
_SLOPE = 0.2

discriminator = fashion.discriminator


def generator(design: Design) -> keras.Model:
    """Images in [-1, 1], by tanh. The first style makes the base, each other one a doubling.

    A mapping network, if there is one, sees no labels. What it makes of latents so means the same
    for all of them, and samples of a label are as various as those of all.
    """
    inputs, labelled = generator_inputs(design.noise_dim, design.label_sizes)
    latents = inputs[0] if design.label_sizes else inputs
    return _modulated(design, inputs, latents, labelled)


def joint_generator(design: Design) -> keras.Model:
    """The same whose mapping network sees latents and labels, as it was before."""
    inputs, labelled = generator_inputs(design.noise_dim, design.label_sizes)
    return _modulated(design, inputs, labelled, labelled)


def _modulated(design: Design, inputs, mapped, labelled) -> keras.Model:
    ups, base = design.halvings, design.base
    filters = design.channels(ups)
    # Latents stay beside what the network makes of them: the base is drawn from all of both.
    style = mapping.concatenated_style(mapped, labelled, design.mapping_layers)
    styles = mapping.layer_styles(style, 1 + ups)
    x = Dense(base[0] * base[1] * filters, kernel_initializer=_INITIALIZER, name="dense")(styles[0])
    x = layers.LeakyReLU(_SLOPE, name="dense_activation")(x)
    x = layers.Reshape((*base, filters), name="reshape")(x)
    for number in range(1, ups + 1):
        name = f"up{number}"
        factors = mapping.factors(styles[number], x.shape[-1], name)
        filters = design.channels(ups - number)
        x = ModulatedConv2DTranspose(filters, 4, 2, kernel_initializer=_INITIALIZER, name=name)(
            x, factors
        )
    channels = design.image_shape[2]
    images = Conv2D(channels, 3, activation="tanh", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="generator")
