"""Projection discriminators that classify labels, too: by the projection, or by a layer for it.

The scores of a projection are part of the logits that the generator learns by (Chen et al. 2021,
arXiv:2111.01035), so that it is paid for pictures that no other label could have. An auxiliary
classifier (Odena et al. 2016, arXiv:1610.09585) shares features alone; other than there, it sees no
fakes, and the generator has no loss of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from trainer.models.conditioning import side_by_side
from trainer.models.layers import Dense

_FEW_VALUES = 64  # of all attributes together


def with_label_scores(discriminator: keras.Model) -> keras.Model:
    """The discriminator, and what each value of each attribute would add to its logits.

    Those are the logits of a classifier (Chen et al. 2021, arXiv:2111.01035); see
    `with_log_probabilities`.

    Args:
      discriminator: made of `projected_logits`.

    Returns:
      A network of the same weights whose outputs are `[N, 1]` and `[N, sum(label_sizes)]`.
    """
    features = discriminator.get_layer("projection").input[0]
    embedding = discriminator.get_layer("label_embedding")
    values = embedding.kernel.shape[0]
    # Each value's one-hot vector, a row an example: the layer gives its weights by what it makes.
    if values <= _FEW_VALUES:
        one_of_each = keras.ops.eye(values) * keras.ops.ones_like(features[:, :1, None])
        scores = layers.Dot((1, 2), dtype="float32", name="label_scores")(
            [features, embedding(one_of_each)]
        )
    else:  # the same in other bits; of many values the way above is quadratic for each image
        one_of_each = keras.ops.eye(values) * keras.ops.ones_like(features[:1, :1])
        embedded = keras.ops.transpose(embedding(one_of_each))
        scores = keras.ops.matmul(keras.ops.cast(features, "float32"), embedded)
    return keras.Model(discriminator.inputs, [discriminator.output, scores], name="scored")


def with_auxiliary_classifier(
    discriminator: keras.Model, label_sizes: Sequence[int]
) -> keras.Model:
    """The discriminator with a linear layer more on its features, of float32.

    Args:
      discriminator: made of `projected_logits`.
      label_sizes: the number of values of each attribute.

    Returns:
      A network whose outputs are `[N, 1]` and `[N, sum(label_sizes)]`.
    """
    features = discriminator.get_layer("projection").input[0]
    scores = Dense(sum(label_sizes), dtype="float32", name="label_classifier")(features)
    outputs = [discriminator.output, scores]
    return keras.Model(discriminator.inputs, outputs, name=discriminator.name)


def without_auxiliary_classifier(discriminator: keras.Model) -> keras.Model:
    """The same without that layer: a network whose output is the logits, `[N, 1]`."""
    return keras.Model(discriminator.inputs, discriminator.outputs[0], name=discriminator.name)


def with_training_logits(discriminator: keras.Model, label_sizes: Sequence[int]) -> keras.Model:
    """A trained discriminator that classifies by its projection, with the logits of its training.

    Args:
      discriminator: made of `projected_logits`.
      label_sizes: the number of values of each attribute.

    Returns:
      A network of its weights, in Keras's own layers, whose output `[N, 1]` is that of
      `with_log_probabilities`.
    """
    embedding = discriminator.get_layer("label_embedding")
    features = discriminator.get_layer("projection").input[0]
    every = keras.layers.Dense(
        sum(label_sizes), use_bias=False, dtype="float32", name="label_scores"
    )
    scores, ends = every(features), np.cumsum(label_sizes)
    every.set_weights([embedding.kernel.numpy().T])
    parts = [scores[:, end - size : end] for size, end in zip(label_sizes, ends, strict=True)]
    logs = [
        layers.Activation("log_softmax", dtype="float32", name=f"log_probabilities{number}")(part)
        for number, part in enumerate(parts if len(parts) > 1 else [scores])
    ]
    together = side_by_side(logs, "log_probabilities")
    added = layers.Dot(1, dtype="float32", name="given_log_probability")(
        [together, embedding.input]
    )
    logits = discriminator.get_layer("logits").output
    of_label = layers.Add(dtype="float32", name="class_logits")([logits, added])
    return keras.Model(discriminator.inputs, of_label, name=discriminator.name)


def with_log_probabilities(
    logits, scores, labels, label_sizes: Sequence[int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits to which each given label adds its log-probability, not its score; and what it adds.

    A score has no bound: a generator would be paid for pictures that are ever more typical of their
    labels. A log-probability ends at zero, where the labels are told.

    Args:
      logits: float32 `[N, 1]` of `with_label_scores`.
      scores: float32 `[N, sum(label_sizes)]` of the same.
      labels: int32 `[N, attributes]`, -1 where not given.
      label_sizes: the number of values of each attribute.

    Returns:
      float32 `[N, 1]`: the logits, and `log_probabilities`.
    """
    found = tf.zeros_like(logits)
    for score, total in _given_scores(scores, labels, label_sizes):
        logits -= total
        found += score - total
    return logits, found


def log_probabilities(scores, labels, label_sizes: Sequence[int]) -> tf.Tensor:
    """The log-probability of all given labels of an image: float32 `[N, 1]`.

    Args:
      scores: float32 `[N, sum(label_sizes)]`.
      labels: int32 `[N, attributes]`, -1 where not given.
      label_sizes: the number of values of each attribute.
    """
    found = tf.zeros_like(scores[:, :1])
    for score, total in _given_scores(scores, labels, label_sizes):
        found += score - total
    return found


def _given_scores(
    scores, labels, label_sizes: Sequence[int]
) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Of each attribute the label's score and the log of all scores' sum; 0 if not given."""
    for number, part in enumerate(tf.split(scores, label_sizes, axis=1)):
        label = labels[:, number]
        total = tf.reduce_logsumexp(part, axis=1)
        score = tf.reduce_sum(part * tf.one_hot(label, part.shape[1]), axis=1)
        given = label[:, tf.newaxis] >= 0
        yield (
            tf.where(given, score[:, tf.newaxis], 0.0),
            tf.where(given, total[:, tf.newaxis], 0.0),
        )
