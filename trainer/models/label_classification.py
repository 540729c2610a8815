"""Projection discriminators as classifiers of labels (Chen et al. 2021, arXiv:2111.01035)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from trainer.models.conditioning import side_by_side

_FEW_VALUES = 64  # of all attributes together


def with_label_scores(discriminator: keras.Model) -> keras.Model:
    """The discriminator, and what each value of each attribute would add to its logits.

    Those are the logits of a classifier (Chen et al. 2021, arXiv:2111.01035); see `classified`.

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


def with_training_logits(discriminator: keras.Model, label_sizes: Sequence[int]) -> keras.Model:
    """A trained discriminator that classifies, with the logits that it was trained by.

    Args:
      discriminator: made of `projected_logits`.
      label_sizes: the number of values of each attribute.

    Returns:
      A network of its weights, in Keras's own layers, whose output `[N, 1]` is that of
      `classified`.
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


def classified(logits, scores, labels, label_sizes: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits to which each given label adds its log-probability, not its score; and what it adds.

    A score has no bound: a generator would be paid for pictures that are ever more typical of their
    labels. A log-probability ends at zero, where the labels are told.

    Args:
      logits: float32 `[N, 1]` of `with_label_scores`.
      scores: float32 `[N, sum(label_sizes)]` of the same.
      labels: int32 `[N, attributes]`, -1 where not given.
      label_sizes: the number of values of each attribute.

    Returns:
      float32 `[N, 1]`: the logits; and the log-probability of all given labels of an image.
    """
    log_probabilities = tf.zeros_like(logits)
    for number, part in enumerate(tf.split(scores, label_sizes, axis=1)):
        label = labels[:, number]
        total = tf.reduce_logsumexp(part, axis=1)
        score = tf.reduce_sum(part * tf.one_hot(label, part.shape[1]), axis=1)
        given = label[:, tf.newaxis] >= 0
        logits -= tf.where(given, total[:, tf.newaxis], 0.0)
        log_probabilities += tf.where(given, (score - total)[:, tf.newaxis], 0.0)
    return logits, log_probabilities
