"""Inputs of the networks, and label conditioning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf
from keras import layers

from trainer.models.layers import Dense

PICTURES, MASKS = "pictures", "masks"  # inputs of a generator that completes pictures
RECOGNISED = "recognised"  # the layer of such a generator that tells labels, if it has one
CONDITIONED = "conditioned"  # the layer that puts labels beside an image, or beside latents


class Incomplete(NamedTuple):
    """Pictures of which parts are missing: what stands in those parts is not looked at."""

    pictures: tf.Tensor  # [N, height, width, channels] in [pixel_min, 1]
    masks: tf.Tensor  # float32 [N, height, width, 1], 1 where missing


class Encoded(NamedTuple):
    """The same, as a generator's encoder has made it: whatever completions of it share."""

    masks: tf.Tensor
    maps: dict[str, tf.Tensor]  # by layer


def inputs_of(
    network: keras.Model,
    values,
    labels,
    noise=None,
    faded_in=None,
    incomplete: Incomplete | None = None,
):
    """The arguments of a network: values, then labels, noise and the rest where it takes any.

    Args:
      network: either one, or the mapping of a style-based generator.
      values: latents or images.
      labels: int32 `[N, attributes]`.
      noise: as `image_noise` makes it for the network.
      faded_in: how much the finest side counts, `[N, 1]`.
      incomplete: what is completed.
    """
    others = {"noise": noise, "faded_in": faded_in}
    if incomplete is not None:
        others |= {PICTURES: incomplete.pictures, MASKS: incomplete.masks}
    arguments = [values]
    for each in network.inputs[1:]:
        if each.name == "labels":
            arguments.append(labels if len(each.shape) > 1 else labels[:, 0])
        else:
            arguments.append(others[each.name])
    return arguments if len(arguments) > 1 else values


def one_hot(labels, label_sizes: Sequence[int]):
    """One-hot labels of all attributes, side by side; all zeros where a label is -1, not given.

    By layers that every export format supports.

    Args:
      labels: int32 `[N]` of one attribute, `[N, attributes]` of several.
      label_sizes: the number of values of each attribute.

    Returns:
      `[N, sum(label_sizes)]`.
    """
    return side_by_side(_one_hot_each(labels, label_sizes), "label_one_hot")


def one_hot_or_predicted(labels, label_sizes: Sequence[int], scores):
    """The same, but where a label is not given the value of the highest score.

    Not for TensorFlow Lite, which has no such `argmax`.

    Args:
      labels: int32 `[N]` of one attribute, `[N, attributes]` of several.
      label_sizes: the number of values of each attribute.
      scores: of all values, `[N, sum(label_sizes)]`.
    """
    starts = [sum(label_sizes[:number]) for number in range(len(label_sizes))]
    each = []
    for number, encoded in enumerate(_one_hot_each(labels, label_sizes)):
        start, size = starts[number], label_sizes[number]
        predicted = keras.ops.argmax(scores[:, start : start + size], axis=1)
        is_given = keras.ops.sum(encoded, axis=1, keepdims=True)
        predicted = _encoded(predicted, size, f"predicted{number}_one_hot")
        each.append(
            layers.Add(name=f"label{number}_or_predicted")([encoded, predicted * (1 - is_given)])
        )
    return side_by_side(each, "labels_or_predicted")


def _one_hot_each(labels, label_sizes: Sequence[int]) -> list:
    if len(label_sizes) == 1:
        return [_encoded(labels, label_sizes[0], "label_one_hot")]
    return [
        _encoded(keras.ops.take(labels, number, axis=1), size, f"label{number}_one_hot")
        for number, size in enumerate(label_sizes)
    ]


def side_by_side(each: list, name: str):
    """Tensors of attributes, `[N, values]` each, as one; a single one as it is."""
    return each[0] if len(each) == 1 else layers.Concatenate(name=name)(each)


def _encoded(labels, size: int, name: str):
    return layers.CategoryEncoding(size, output_mode="one_hot", name=name)(labels)


def _label_input(label_sizes: Sequence[int]):
    shape = () if len(label_sizes) == 1 else (len(label_sizes),)
    return keras.Input(shape, dtype="int32", name="labels")


def generator_inputs(noise_dim: int, label_sizes: Sequence[int], scores=None):
    """A generator's inputs, and its latents concatenated with the sum of its labels' embeddings.

    (Mirza and Osindero 2014, arXiv:1411.1784.)

    Args:
      noise_dim: dimensions of a latent.
      label_sizes: the number of values of each attribute.
      scores: that tell labels which are not given, see `one_hot_or_predicted`.
    """
    latents = keras.Input((noise_dim,), name="latents")
    if not label_sizes:
        return latents, latents
    labels = _label_input(label_sizes)
    if scores is None:
        encoded = one_hot(labels, label_sizes)
    else:
        encoded = one_hot_or_predicted(labels, label_sizes, scores)
    embedded = Dense(
        noise_dim,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=1.0),
        name="label_embedding",
    )(encoded)
    return [latents, labels], layers.Concatenate(name=CONDITIONED)([latents, embedded])


def discriminator_inputs(image_shape: tuple[int, int, int], label_sizes: Sequence[int]):
    """A discriminator's inputs, its images, and its labels or None."""
    images = keras.Input(image_shape, name="images")
    if not label_sizes:
        return images, images, None
    labels = _label_input(label_sizes)
    return [images, labels], images, labels


def label_planes(images, labels, label_sizes: Sequence[int]):
    """Images with one-hot label planes as further channels."""
    if labels is None:
        return images
    height, width = images.shape[1:3]
    encoded = one_hot(labels, label_sizes)
    planes = layers.RepeatVector(height * width, name="label_pixels")(encoded)
    planes = layers.Reshape((height, width, sum(label_sizes)), name="label_planes")(planes)
    return layers.Concatenate(name=CONDITIONED)([images, planes])


def projected_logits(features, labels, label_sizes: Sequence[int]):
    """Logits in float32: linear, plus the dot product of features and the labels' embeddings.

    (Miyato and Koyama 2018, arXiv:1802.05637.)
    """
    logits = Dense(1, dtype="float32", name="logits")(features)
    if labels is None:
        return logits
    embedded = Dense(features.shape[-1], use_bias=False, dtype="float32", name="label_embedding")(
        one_hot(labels, label_sizes)
    )
    product = layers.Dot(1, dtype="float32", name="projection")([features, embedded])
    return layers.Add(dtype="float32", name="projected")([logits, product])
