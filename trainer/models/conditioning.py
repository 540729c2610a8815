"""Inputs of the networks, label conditioning, and how often image sides are halved."""

from __future__ import annotations

import keras
from keras import layers

from trainer.models.layers import Dense

SMALLEST_SIDE = 4


def halvings(side: int) -> int:
    """How often a side is halved, down to one of 4 to 7: 28 twice (7), 48 (6) and 32 (4) thrice."""
    if side % 2 or side < 2 * SMALLEST_SIDE:
        return 0
    return 1 + halvings(side // 2)


def inputs_of(network: keras.Model, values, labels):
    """The arguments of a network: values, and labels where it is conditional."""
    return [values, labels] if len(network.inputs) > 1 else values


def one_hot(labels, classes: int):
    """One-hot labels `[N, classes]`, by a layer that every export format supports."""
    return layers.CategoryEncoding(classes, output_mode="one_hot", name="label_one_hot")(labels)


def generator_inputs(noise_dim: int, classes: int):
    """A generator's inputs, and its latents concatenated with an embedding of the label.

    (Mirza and Osindero 2014, arXiv:1411.1784.)
    """
    latents = keras.Input((noise_dim,), name="latents")
    if not classes:
        return latents, latents
    labels = keras.Input((), dtype="int32", name="labels")
    embedded = Dense(
        noise_dim,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=1.0),
        name="label_embedding",
    )(one_hot(labels, classes))
    return [latents, labels], layers.Concatenate(name="conditioned")([latents, embedded])


def discriminator_inputs(image_shape: tuple[int, int, int], classes: int):
    """A discriminator's inputs, its images, and its labels or None."""
    images = keras.Input(image_shape, name="images")
    if not classes:
        return images, images, None
    labels = keras.Input((), dtype="int32", name="labels")
    return [images, labels], images, labels


def label_planes(images, labels, classes: int):
    """Images with one-hot label planes as further channels."""
    if labels is None:
        return images
    height, width = images.shape[1:3]
    planes = layers.RepeatVector(height * width, name="label_pixels")(one_hot(labels, classes))
    planes = layers.Reshape((height, width, classes), name="label_planes")(planes)
    return layers.Concatenate(name="conditioned")([images, planes])


def projected_logits(features, labels, classes: int):
    """Logits in float32: linear, plus the dot product of features and label embedding.

    (Miyato and Koyama 2018, arXiv:1802.05637.)
    """
    logits = Dense(1, dtype="float32", name="logits")(features)
    if labels is None:
        return logits
    embedded = Dense(features.shape[-1], use_bias=False, dtype="float32", name="label_embedding")(
        one_hot(labels, classes)
    )
    product = layers.Dot(1, dtype="float32", name="projection")([features, embedded])
    return layers.Add(dtype="float32", name="projected")([logits, product])
