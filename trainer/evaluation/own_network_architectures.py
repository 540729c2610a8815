"""The two networks that see any set of pictures for its evaluations.

The feature network gives the features that distances are computed from; the classifier, of another
architecture, tells the values of attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

FEATURES = 128

Shape = tuple[int, int, int]


def feature_network(image_shape: Shape, sizes: Sequence[int]) -> keras.Model:
    """Pictures in [0, 1] to `[features [N, 128], projections [N, 64], *logits]`.

    Convolutions with batch norm, as the package's own feature network has them. The last map is
    flattened, not averaged, so that features depend on positions.

    Args:
      image_shape: height, width, channels.
      sizes: the number of values of each attribute; there is a `[N, size]` of logits for each.
    """
    x = inputs = keras.Input(image_shape, name="images")
    for number, (filters, stride) in enumerate(_convolutions(max(image_shape[:2])), start=1):
        x = _convolution(x, number, filters, 3, stride)
        x = layers.ReLU(name=f"activation{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    features = layers.Dense(FEATURES, activation="relu", name="features")(x)
    hidden = layers.Dense(FEATURES, activation="relu", name="hidden")(features)
    projections = layers.Dense(64, name="projections")(hidden)
    return keras.Model(inputs, [features, projections, *_heads(features, sizes)], name="features")


def _convolutions(side: int) -> list[tuple[int, int]]:
    """Filters and strides: most of the work is done where sides are small, for any size."""
    found = [] if side > 32 else [(24, 1)]
    while side > 4:
        side = (side + 1) // 2
        filters = 24 if side > 16 else 48 if side > 8 else 64
        found.append((filters, 2))
        if 5 <= side <= 8:
            found.append((filters, 1))
    return found


def classifier(image_shape: Shape, sizes: Sequence[int]) -> keras.Model:
    """Pictures in [0, 1] to logits `[N, size]` of each attribute: max pooling, leaky ReLU.

    The means of all maps go to the logits, too: how something is drawn shows in the first ones.

    Args:
      image_shape: height, width, channels.
      sizes: the number of values of each attribute.
    """
    x = inputs = keras.Input(image_shape, name="images")
    side, number, means = max(image_shape[:2]), 0, []
    while side > 4 or not number:
        number += 1
        if number == 1 or side > 32:
            stride = 2 if side > 32 else 1
            x = _convolution(x, number, 24, 5, stride)
            side = -(-side // stride)
        else:
            side = (side + 1) // 2
            x = layers.MaxPooling2D(2, padding="same", name=f"pool{number}")(x)
            x = _convolution(x, number, 64 if side > 8 else 128, 3, 1)
        x = layers.LeakyReLU(0.1, name=f"activation{number}")(x)
        means.append(layers.GlobalAveragePooling2D(name=f"means{number}")(x))
    x = layers.Concatenate(name="joined")([layers.Flatten(name="flatten")(x), *means])
    return keras.Model(inputs, _heads(x, sizes), name="classifier")


def _convolution(x, number: int, filters: int, size: int, stride: int):
    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    x = layers.Conv2D(filters, size, stride, name=f"conv{number}", **options)(x)
    return layers.BatchNormalization(momentum=0.95, name=f"normalisation{number}")(x)


def _heads(features, sizes: Sequence[int]) -> list:
    return [
        layers.Dense(size, name=f"logits{number}")(features)
        for number, size in enumerate(sizes, start=1)
    ]
