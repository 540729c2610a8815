"""The networks whose weights are in the package: they know Fashion-MNIST."""

from __future__ import annotations

import functools
from pathlib import Path

import keras
import numpy as np

from trainer.evaluation import evaluation_networks, packaged_architectures
from trainer.evaluation.evaluation_networks import EvaluationNetworks, Predict
from trainer.evaluation.protocols import DIGESTS
from trainer.system import file_system
from trainer.system.exits import RefusedError

WEIGHTS = Path(__file__).parent / "weights"


def provide() -> EvaluationNetworks:
    """The two networks whose weights are in the package."""
    return EvaluationNetworks(
        features,
        lambda images: classes(images)[:, np.newaxis],
        features_sha256=DIGESTS["feature_network"],
        classifier_sha256=DIGESTS["class_network"],
    )


def features(images: np.ndarray) -> np.ndarray:
    """The feature network's features of uint8 images: float32 `[N, 128]`."""
    return _pretrained("feature_network")(images)[0]


def classes(images: np.ndarray) -> np.ndarray:
    """The classes that the class network predicts for uint8 images: int64 `[N]`."""
    return _pretrained("class_network")(images)[-1].argmax(axis=1)


@functools.cache
def _pretrained(name: str) -> Predict:
    """One of `packaged_architectures.BUILDERS` with the weights that are in the package.

    Raises:
      RefusedError: the file has another digest: metrics would not be comparable.
    """
    path = WEIGHTS / f"{name}.npz"
    if file_system.sha256(path) != DIGESTS[name]:
        raise RefusedError(f"{path} is not this version's file: reinstall fashion-gan")
    network = packaged_architectures.BUILDERS[name]()
    read(network, path)
    return evaluation_networks.predictor(network)


def write(network: keras.Model, path: Path) -> None:
    """Writes the weights in float16."""
    weights = {variable.path: variable.numpy().astype(np.float16) for variable in network.variables}
    np.savez(path, **weights)


def read(network: keras.Model, path: Path) -> None:
    """Reads weights that `write` has written."""
    with np.load(path) as weights:
        for variable in network.variables:
            variable.assign(weights[variable.path].astype(np.float32))
