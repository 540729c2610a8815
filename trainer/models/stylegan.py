"""StyleGAN2's networks at small sides (Karras et al. 2019, arXiv:1912.04958).

As configured for small sides in arXiv:2006.06676, but for images bounded by tanh, labels beside the
mapping network, no equalised learning rates (of the mapping network neither, where the paper has a
hundredth), no blur beside upsampling, and no standard deviation of the batch in the discriminator.
The generator sums images of all sides; the discriminator takes images of all sides (the paper's
skip connections), so that both can grow. Layers are numbered from the coarse end, so that a network
of fewer doublings has the same names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from trainer.models import image_noise, mapping
from trainer.models.conditioning import (
    discriminator_inputs,
    generator_inputs,
    projected_logits,
)
from trainer.models.convolutions import Conv2D
from trainer.models.design import Design
from trainer.models.layers import Dense
from trainer.models.modulation import (
    ModulatedConv2D,
    ModulatedConv2DTranspose,
    ModulatedUpsampling,
    times,
)

_FEATURES = 128
_SLOPE = 0.2
_INITIALIZER = "he_normal"
_NOISY: dict[str, Any] = {"noisy": True, "kernel_initializer": _INITIALIZER}
_Layer = Callable[[int, str], keras.layers.Layer]  # (filters, name)


def generator(design: Design) -> keras.Model:
    """Images in [-1, 1]: tanh of a sum of modulated projections of all sides.

    Its mapping network sees no labels; they stand beside what it makes, as latents do. Where it saw
    both, and sums had no bound, the samples of a label were soon one picture (docs/styles.md).
    """
    return _bounded_generator(design, _upsampled)


def transposed_generator(design: Design) -> keras.Model:
    """The same as it was before: its larger sides come by transposed convolutions, with a mesh."""
    return _bounded_generator(design, _transposed)


def _bounded_generator(design: Design, enlarged: _Layer) -> keras.Model:
    inputs, labelled = generator_inputs(design.noise_dim, design.label_sizes)
    latents = inputs[0] if design.label_sizes else inputs
    style = mapping.concatenated_style(_normalised(latents), labelled, design.mapping_layers)
    noise, projections = _projections(design, style, enlarged)
    sums = _sums(projections)
    images = _bounded(sums[-1], "images")
    faded_in = _faded_in(design)
    if faded_in is not None:
        # Faded as real images are, so that a side begins with exactly what the last one made.
        coarse = _enlarged(_bounded(sums[-2], "coarse_images"), "coarse_images_enlarged")
        rest = layers.Rescaling(-1.0, 1.0, dtype="float32", name="faded_out")(faded_in)
        both = [
            _faded(coarse, rest, "faded_out_images", "float32"),
            _faded(images, faded_in, "faded_in_images", "float32"),
        ]
        images = layers.Add(dtype="float32", name="faded_images")(both)
    return keras.Model([*_listed(inputs), noise, *_listed(faded_in)], images, name="generator")


def joint_generator(design: Design) -> keras.Model:
    """Images around [-1, 1]: the same as it was before, without bound; its mapping sees labels."""
    inputs, labelled = generator_inputs(design.noise_dim, design.label_sizes)
    style = mapping.mapped_latents(_normalised(labelled), design.mapping_layers)
    noise, projections = _projections(design, style, _transposed)
    faded_in = _faded_in(design)
    if faded_in is not None:
        projections[-1] = _faded(projections[-1], faded_in)
    images = _sums(projections)[-1]
    return keras.Model([*_listed(inputs), noise, *_listed(faded_in)], images, name="generator")


def _normalised(latents):
    """Latents `[N, units]` scaled to a mean square of one."""
    unit = layers.UnitNormalization(dtype="float32", name="normalised")(latents)
    length = float(latents.shape[-1]) ** 0.5
    return layers.Rescaling(length, dtype="float32", name="normalised_latents")(unit)


def _projections(design: Design, style, enlarged: _Layer) -> tuple:
    """The input of noise, and what each side adds to images, from the smallest on."""
    ups, channels = design.doublings, _channels(design)
    sides = [design.base]
    for number in range(1, ups + 1):
        height, width = design.base
        sides += [(height << number, width << number)] * 2
    noise, planes = image_noise.planes(sides)
    styles = mapping.layer_styles(style, 2 * ups + 2)
    x = _constant(styles[0], (*design.base, channels[0]))
    x = _modulated(_convolution(channels[0], "conv0"), x, styles[0], planes[0])
    projections = [_images(x, styles[1], design, 0)]
    for number in range(1, ups + 1):
        first = 2 * number - 1
        up = enlarged(channels[number], f"up{number}")
        x = _modulated(up, x, styles[first], planes[first])
        conv = _convolution(channels[number], f"conv{number}")
        x = _modulated(conv, x, styles[first + 1], planes[first + 1])
        projections.append(_images(x, styles[first + 2], design, number))
    return noise, projections


def _sums(projections: list) -> list:
    """By side, what it and all smaller ones add to images."""
    sums = projections[:1]
    for number, finer in enumerate(projections[1:], 1):
        coarse = _enlarged(sums[-1], f"images{number}_coarse")
        sums.append(layers.Add(dtype="float32", name=f"images{number}")([coarse, finer]))
    return sums


def _enlarged(images, name: str):
    return layers.UpSampling2D(interpolation="bilinear", dtype="float32", name=name)(images)


def _bounded(images, name: str):
    return layers.Activation("tanh", dtype="float32", name=name)(images)


def _faded_in(design: Design):
    return keras.Input((1,), name="faded_in") if design.fades else None


def _channels(design: Design) -> list[int]:
    """By the number of doublings: those of a side are what they will be at the images' sides."""
    return [design.channels(design.halvings - number) for number in range(design.doublings + 1)]


def _listed(inputs) -> list:
    if inputs is None:
        return []
    return inputs if isinstance(inputs, list) else [inputs]


def _faded(x, share, name: str = "faded", dtype: str | None = None):
    """As much of a side as a share `[N, 1]` says; images in float32, or black would not be -1."""
    factor = layers.Reshape((1, 1, 1), dtype=dtype, name=f"{name}_factor")(share)
    return layers.Multiply(dtype=dtype, name=name)([x, factor])


def _constant(style, shape: tuple[int, int, int]):
    """What all images begin with."""
    ones = keras.ops.ones_like(style[:, :1])
    height, width, filters = shape
    start = Dense(
        height * width * filters,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=1.0),
        name="constant",
    )(ones)
    return layers.Reshape(shape, name="start")(start)


def _modulated(layer: keras.layers.Layer, x, style, noise):
    """The outputs of a modulated layer."""
    return layer(x, mapping.factors(style, x.shape[-1], layer.name), noise)


def _convolution(filters: int, name: str) -> keras.layers.Layer:
    return ModulatedConv2D(filters, 3, name=name, **_NOISY)


def _upsampled(filters: int, name: str) -> keras.layers.Layer:
    return ModulatedUpsampling(filters, 3, name=name, **_NOISY)


def _transposed(filters: int, name: str) -> keras.layers.Layer:
    return ModulatedConv2DTranspose(filters, 4, 2, name=name, **_NOISY)


def _images(x, style, design: Design, number: int):
    """A side's part of the images; not demodulated, as its scale is what it learns."""
    name = f"to_images{number}"
    x = times(x, mapping.factors(style, x.shape[-1], name), f"{name}_modulated")
    return Conv2D(design.image_shape[2], 1, dtype="float32", name=name)(x)


def discriminator(design: Design) -> keras.Model:
    """A projection discriminator. Has no dropout layers."""
    height, width, colours = design.image_shape
    shape = (height >> design.missing, width >> design.missing, colours)
    inputs, images, labels = discriminator_inputs(shape, design.label_sizes)
    faded_in = _faded_in(design)
    downs, channels = design.doublings, _channels(design)
    x = None
    for number in range(downs, 0, -1):
        x = _with_images(x, images, channels[number], number)
        x = _activated(Conv2D, channels[number], (3,), f"conv{number}")(x)
        x = _activated(Conv2D, channels[number - 1], (4, 2), f"down{number}")(x)
        if number == downs and faded_in is not None:
            x = _faded(x, faded_in)
        images = layers.AveragePooling2D(2, dtype="float32", name=f"images{number - 1}")(images)
    x = _with_images(x, images, channels[0], 0)
    x = _activated(Conv2D, channels[0], (3,), "conv0")(x)
    x = layers.Flatten(name="flatten")(x)
    x = _activated(Dense, _FEATURES, (), "features")(x)
    logits = projected_logits(x, labels, design.label_sizes)
    return keras.Model([*_listed(inputs), *_listed(faded_in)], logits, name="discriminator")


def _with_images(x, images, filters: int, number: int):
    """What is known of finer sides, and the images of this one."""
    y = _activated(Conv2D, filters, (1,), f"from_images{number}")(images)
    return y if x is None else layers.Add(name=f"with_images{number}")([x, y])


def _activated(kind, units: int, sizes: tuple[int, ...], name: str):
    layer = kind(units, *sizes, kernel_initializer=_INITIALIZER, name=name)
    return lambda x: layers.LeakyReLU(_SLOPE, name=f"{name}_activation")(layer(x))
