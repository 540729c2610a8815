"""What evaluations see pictures with: networks of the package, or a data set's own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from trainer.evaluation import classifier_networks
from trainer.evaluation.protocols import DIGESTS
from trainer.system import file_system
from trainer.system.exits import RefusedError

WEIGHTS = Path(__file__).parent / "weights"
PREDICTION_BATCH = 250

Predict = Callable[[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class Networks:
    """What evaluations see pictures with, all uint8 `[N, height, width, channels]`."""

    features: Callable[[np.ndarray], np.ndarray]  # to float32 [N, D]
    values: Callable[[np.ndarray], np.ndarray]  # to predicted values, int64 [N, attributes]
    features_sha256: str
    classifier_sha256: str | None  # None: there are no attributes

    def features_of(self, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Features of some of the images, which may be mapped files: not all are read at once."""
        parts = np.array_split(rows, range(PREDICTION_BATCH, len(rows), PREDICTION_BATCH))
        return np.concatenate([self.features(images[part]) for part in parts])


def packaged() -> Networks:
    """The two networks whose weights are in the package."""
    return Networks(features, lambda images: classes(images)[:, np.newaxis], *DIGESTS.values())


def features(images: np.ndarray) -> np.ndarray:
    """The feature network's features of uint8 images: float32 `[N, 128]`."""
    return _pretrained("feature_network")(images)[0]


def classes(images: np.ndarray) -> np.ndarray:
    """The classes that the class network predicts for uint8 images: int64 `[N]`."""
    return _pretrained("class_network")(images)[-1].argmax(axis=1)


@functools.cache
def _pretrained(name: str) -> Predict:
    """One of `classifier_networks.BUILDERS` with the weights that are in the package.

    Raises:
      RefusedError: the file has another digest: metrics would not be comparable.
    """
    path = WEIGHTS / f"{name}.npz"
    if file_system.sha256(path) != DIGESTS[name]:
        raise RefusedError(f"{path} is not the file of this version: install fashion-gan again")
    network = classifier_networks.BUILDERS[name]()
    read(network, path)
    return predictor(network)


def predictor(network: keras.Model) -> Predict:
    """A function from uint8 images `[N, height, width, channels]` to a classifier's outputs.

    Each output is float32 `[N, ...]`. All batches have one size, so that it is traced once.
    """
    graph = tf.function(
        lambda batch: classifier_networks.outputs(network, batch, False), autograph=False
    )

    def predict(images: np.ndarray) -> list[np.ndarray]:
        parts = []
        for first in range(0, len(images), PREDICTION_BATCH):
            batch = images[first : first + PREDICTION_BATCH]
            padded = np.pad(batch, [(0, PREDICTION_BATCH - len(batch)), (0, 0), (0, 0), (0, 0)])
            parts.append([output.numpy()[: len(batch)] for output in graph(tf.constant(padded))])
        return [np.concatenate(part) for part in zip(*parts, strict=True)]

    return predict


def write(network: keras.Model, path: Path) -> None:
    """Writes the weights in float16."""
    weights = {variable.path: variable.numpy().astype(np.float16) for variable in network.variables}
    np.savez(path, **weights)


def read(network: keras.Model, path: Path) -> None:
    """Reads weights that `write` has written."""
    with np.load(path) as weights:
        for variable in network.variables:
            variable.assign(weights[variable.path].astype(np.float32))
