"""The mapping network of style-based generators, and what their layers get of it.

(Karras et al. 2018, arXiv:1812.04948.) Its layers compute in float32: they are small, and
what they make scales all that follows. In bfloat16 latents come rounded where labels come, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from trainer.models.layers import Dense

STYLES = "styles"  # the layer that ends a generator's mapping network
_MAPPED = ("latents", "labels")
_UNITS = 128
_SLOPE = 0.2


def mapped_latents(inputs, number_of_layers: int):
    """What so many dense layers make of latents: `[N, units]` to `[N, 128]`; of none, the same."""
    x = inputs
    for number in range(1, number_of_layers + 1):
        name = f"mapping{number}"
        x = Dense(_UNITS, kernel_initializer="he_normal", dtype="float32", name=name)(x)
        x = layers.LeakyReLU(_SLOPE, dtype="float32", name=f"{name}_activation")(x)
    return x


def concatenated_style(inputs, labelled, number_of_layers: int):
    """A style of what the mapping network makes, beside what all comes from: `[N, size]`.

    Without mapping layers latents are there twice, and what they are multiplied by learns twice as
    fast as what labels are: 115,200 images of `fashion` were nearer to the data for it.

    Args:
      inputs: of the mapping network, `[N, units]`.
      labelled: latents, and labels where there are any: `[N, others]`.
      number_of_layers: of the mapping network.
    """
    both = [mapped_latents(inputs, number_of_layers), labelled]
    return layers.Concatenate(dtype="float32", name="style")(both)


def layer_styles(style, number: int) -> Sequence:
    """A style for each of so many layers: the same, unless styles are mixed.

    Args:
      style: `[N, size]`.
      number: of layers.

    Returns:
      So many `[N, size]`.
    """
    styles = layers.RepeatVector(number, dtype="float32", name=STYLES)(style)
    return [keras.ops.take(styles, layer, axis=1) for layer in range(number)]


def factors(style, channels: int, name: str):
    """What a modulated layer multiplies its input channels by: `[N, channels]`, around one."""
    return Dense(
        channels,
        kernel_initializer="lecun_normal",
        bias_initializer="ones",
        dtype="float32",
        name=f"{name}_style",
    )(style)


def is_style_based(generator: keras.Model) -> bool:
    """Whether the generator is a mapping network and a synthesis network."""
    return any(layer.name == STYLES for layer in generator.layers)


def mapping_network(generator: keras.Model) -> keras.Model:
    """Latents, and labels, to styles `[N, layers, size]`: by the generator's own layers."""
    inputs = [each for each in generator.inputs if each.name in _MAPPED]
    return keras.Model(inputs, generator.get_layer(STYLES).output, name="mapping")


def synthesis_network(generator: keras.Model) -> keras.Model:
    """Styles `[N, layers, size]`, and what else the generator takes, to images: likewise."""
    inputs = [generator.get_layer(STYLES).output]
    inputs += [each for each in generator.inputs if each.name not in _MAPPED]
    return keras.Model(inputs, generator.outputs[0], name="synthesis")


def style_kernels(generator: keras.Model) -> list[list[np.ndarray]]:
    """What each layer's style is multiplied by: by layer, kernels `[size, units]`.

    Args:
      generator: style-based.
    """
    styles = generator.get_layer(STYLES).output
    kernels: list[list[np.ndarray]] = [[] for _ in range(styles.shape[1])]
    numbers = np.arange(styles.shape[1], dtype=np.float32)[np.newaxis, :, np.newaxis]
    numbered = np.broadcast_to(numbers, (1, *styles.shape[1:]))
    within = {layer.name for layer in mapping_network(generator).layers}
    for layer in generator.layers:
        takes_one = isinstance(layer, Dense) and layer.input.shape[1] == styles.shape[2]
        if takes_one and layer.name not in within:
            # A style that is its layer's number everywhere says which of them comes here.
            number = int(keras.Model(styles, layer.input)(numbered)[0, 0])
            kernels[number].append(layer.kernel.numpy())
    return kernels
