"""A generator that completes pictures, its convolutions modulated by latent and picture alike.

(Zhao et al. 2021, arXiv:2103.10428.) The layers are those of `style`; an encoder of what is known
and where joins the latents before the mapping network, and its maps the layers of their sides. It
may tell labels, too: see `gan/recognition.py`.
"""

from __future__ import annotations

import keras
from keras import layers

from trainer.models import fashion, mapping
from trainer.models.conditioning import MASKS, PICTURES, RECOGNISED, generator_inputs
from trainer.models.convolutions import Conv2D
from trainer.models.design import Design
from trainer.models.layers import Dense
from trainer.models.modulation import ModulatedConv2DTranspose

_INITIALIZER = "he_normal"
_SLOPE = 0.2
_ENCODED = 128
_KNOWN = "known"

discriminator = fashion.discriminator


def generator(design: Design) -> keras.Model:
    """Pictures as they are where they are known, and by tanh in [-1, 1] where a mask is 1."""
    ups, base = design.halvings, design.base
    filters = design.channels(ups)
    pictures = keras.Input(design.image_shape, name=PICTURES)
    masks = keras.Input((*design.image_shape[:2], 1), name=MASKS)
    known = layers.Multiply(dtype="float32", name=_KNOWN)([pictures, 1.0 - masks])
    maps = _encoded(known, masks, design)
    flat = layers.Flatten(name="encoded_flat")(maps[-1])
    encoded = _dense(_ENCODED, "encoded")(flat)
    scores = None
    if design.recognises:
        scores = _dense(_ENCODED, "recognise")(flat)
        scores = Dense(sum(design.label_sizes), dtype="float32", name=RECOGNISED)(scores)
    inputs, latents = generator_inputs(design.noise_dim, design.label_sizes, scores)
    joined = layers.Concatenate(dtype="float32", name="latents_and_picture")([latents, encoded])
    style = mapping.concatenated_style(joined, joined, design.mapping_layers)
    x = _dense(base[0] * base[1] * filters, "dense")(style)
    x = layers.Reshape((*base, filters), name="reshape")(x)
    for number in range(1, ups + 1):
        name = f"up{number}"
        x = layers.Concatenate(name=f"{name}_with_picture")([x, maps[1 + ups - number]])
        factors = mapping.factors(style, x.shape[-1], name)
        filters = design.channels(ups - number)
        x = ModulatedConv2DTranspose(filters, 4, 2, kernel_initializer=_INITIALIZER, name=name)(
            x, factors
        )
    x = layers.Concatenate(name="images_with_picture")([x, maps[0]])
    channels = design.image_shape[2]
    x = Conv2D(channels, 3, activation="tanh", dtype="float32", name="images")(x)
    missing = layers.Multiply(dtype="float32", name="missing")([x, masks])
    images = layers.Add(dtype="float32", name="completed")([known, missing])
    return keras.Model([*_listed(inputs), pictures, masks], images, name="generator")


def encoding_network(generator: keras.Model) -> keras.Model:
    """Pictures and masks to what the rest of the generator makes completions of: a dictionary.

    Beside what is known there are the maps of each side, the encoder's vector and, in a generator
    that tells labels, their scores, `[N, sum(label_sizes)]`, as `RECOGNISED`. All
    completions of a picture share it.
    """
    names = [layer.name for layer in generator.layers]
    maps = [name for name in names if name.startswith("encode") and name.endswith("_activation")]
    kept = [_KNOWN, *maps, *([RECOGNISED] if RECOGNISED in names else [])]
    outputs = {name: generator.get_layer(name).output for name in kept}
    inputs = [each for each in generator.inputs if each.name in (PICTURES, MASKS)]
    return keras.Model(inputs, outputs, name="encoding")


def decoding_network(generator: keras.Model, encoding: keras.Model) -> keras.Model:
    """Latents, labels, masks and what encoding made, in the order of its names, to completions."""
    inputs = [each for each in generator.inputs if each.name != PICTURES]
    encoded = encoding.output
    inputs += [encoded[name] for name in sorted(encoded)]
    return keras.Model(inputs, generator.outputs[0], name="decoding")


def _encoded(known, masks, design: Design) -> list:
    """What is known and where, at all sides from the finest to the coarsest."""
    maps = [layers.Concatenate(name="known_and_masks")([known, masks])]
    for number in range(1, design.halvings + 1):
        name = f"encode{number}"
        filters = design.channels(number - 1)
        x = Conv2D(filters, 4, 2, kernel_initializer=_INITIALIZER, name=name)(maps[-1])
        maps.append(layers.LeakyReLU(_SLOPE, name=f"{name}_activation")(x))
    return maps


def _dense(units: int, name: str):
    layer = Dense(units, kernel_initializer=_INITIALIZER, name=name)
    return lambda x: layers.LeakyReLU(_SLOPE, name=f"{name}_activation")(layer(x))


def _listed(inputs) -> list:
    return inputs if isinstance(inputs, list) else [inputs]
