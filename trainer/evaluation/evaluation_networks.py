"""What evaluations see pictures with: networks of the package, or a data set's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from trainer.data import pixels, reading

PREDICTION_BATCH = 250

Predict = Callable[[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class EvaluationNetworks:
    """What evaluations see pictures with, all uint8 `[N, height, width, channels]`."""

    features: Callable[[np.ndarray], np.ndarray]  # to float32 [N, D]
    values: Callable[[np.ndarray], np.ndarray]  # to predicted values, int64 [N, attributes]
    features_sha256: str
    classifier_sha256: str | None  # None: there are no attributes

    def features_of(self, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Features of some of the images, which may be mapped files: not all are read at once."""
        parts = np.array_split(rows, range(PREDICTION_BATCH, len(rows), PREDICTION_BATCH))
        read = reading.reader(images)
        return np.concatenate([self.features(read(part)) for part in parts])


def predictor(network: keras.Model) -> Predict:
    """A function from uint8 images `[N, height, width, channels]` to a classifier's outputs.

    Each output is float32 `[N, ...]`. All batches have one size, so that it is traced once.
    """
    graph = tf.function(lambda batch: outputs(network, batch, False), autograph=False)

    def predict(images: np.ndarray) -> list[np.ndarray]:
        parts = []
        for first in range(0, len(images), PREDICTION_BATCH):
            batch = images[first : first + PREDICTION_BATCH]
            padded = np.pad(batch, [(0, PREDICTION_BATCH - len(batch)), (0, 0), (0, 0), (0, 0)])
            parts.append([output.numpy()[: len(batch)] for output in graph(tf.constant(padded))])
        return [np.concatenate(part) for part in zip(*parts, strict=True)]

    return predict


def outputs(network: keras.Model, images: tf.Tensor, training: bool) -> list[tf.Tensor]:
    """All outputs of a classifier for uint8 images, or for floats in [0, 1]."""
    if images.dtype == tf.uint8:
        images = pixels.to_floats(images, 0.0)
    results = network(images, training=training)
    return results if isinstance(results, list) else [results]
