"""The networks that a data set is evaluated with where the package has none: trained once, kept.

They lie in the cache, `features/<key>.npz`, by what the data are, and beside a run that was
evaluated with them, so that it can be evaluated in the same way where the cache is another.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from trainer.data.datasets import DatasetSpec
from trainer.data.prepared import Arrays
from trainer.evaluation import classifiers, own_networks
from trainer.evaluation.classifiers import Networks
from trainer.system import file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

RECIPE = 1  # of the training: other networks, or another way to train them, raise it
FOLDER = "features"

Weights = dict[str, np.ndarray]

_FEATURES, _CLASSIFIER = "feature_network", "classifier"
_DIGEST = "sha256"  # the entry of the file that holds the digest of all others


def provide(spec: DatasetSpec, load: Callable[[], Arrays], *places: Path) -> Networks:
    """The networks of a data set: those that were trained before, else trained now.

    Args:
      spec: what the data are.
      load: gives the training pictures and their labels.
      places: folders in which they are looked for, and into which they are put where they are
        not there yet and the folder can be written to.
    """
    paths = [path_in(place, spec) for place in places]
    found = next((weights for weights in map(_read, paths) if weights), None)
    weights = found or _train(spec, *load())
    for path in paths:
        if not path.exists():
            _keep(weights, path)
    return _networks(spec, weights)


def path_in(place: Path, spec: DatasetSpec) -> Path:
    """The file in a folder, by what the networks are trained on, and how."""
    form = (spec.folder.rules, spec.folder.fit, spec.folder.background) if spec.folder else None
    identity = dataclasses.asdict(spec) | {"folder": form, "recipe": RECIPE}
    del identity["test_examples"]  # none of which is looked at
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return place / FOLDER / f"{spec.dataset}-{digest[:16]}.npz"


def _train(spec: DatasetSpec, images: np.ndarray, labels: np.ndarray) -> Weights:
    count, started = len(images), time.monotonic()
    steps = own_networks.steps(count)
    log.info(
        "evaluation: training networks that know %s, once: two times %d steps on %d pictures",
        *(spec.dataset, steps, count),
    )
    trained = {_FEATURES: own_networks.train_features(images, labels, spec.label_sizes)}
    if spec.label_sizes:
        trained[_CLASSIFIER] = own_networks.train_classifier(images, labels, spec.label_sizes)
    log.info("evaluation: they are trained, in %.0f s", time.monotonic() - started)
    return {
        f"{name}/{variable.path}": variable.numpy()
        for name, network in trained.items()
        for variable in network.variables
    }


def _networks(spec: DatasetSpec, weights: Weights) -> Networks:
    built = {_FEATURES: own_networks.feature_network(spec.image_shape, ())}
    built[_FEATURES] = keras.Model(built[_FEATURES].inputs, built[_FEATURES].outputs[0])
    if spec.label_sizes:
        built[_CLASSIFIER] = own_networks.classifier(spec.image_shape, spec.label_sizes)
    for name, network in built.items():
        for variable in network.variables:
            variable.assign(weights[f"{name}/{variable.path}"])
    predict = {name: classifiers.predictor(network) for name, network in built.items()}

    def values(images: np.ndarray) -> np.ndarray:
        if _CLASSIFIER not in predict:
            return np.zeros((len(images), 0), np.int64)
        return np.stack([logits.argmax(axis=1) for logits in predict[_CLASSIFIER](images)], axis=1)

    return Networks(
        features=lambda images: predict[_FEATURES](images)[0],
        values=values,
        features_sha256=_digest(weights, _FEATURES),
        classifier_sha256=_digest(weights, _CLASSIFIER) if spec.label_sizes else None,
    )


def _keep(weights: Weights, path: Path) -> None:
    """Writes the file, where that can be."""
    digest = np.frombuffer(bytes.fromhex(_digest(weights)), np.uint8)

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            np.savez(file, **weights, **{_DIGEST: digest})  # type: ignore[arg-type]

    try:
        file_system.write_atomically(path, write)
    except OSError as error:
        log.info("evaluation: %s cannot be kept (%s)", path, error.strerror)
        return
    log.info("evaluation: the networks lie in %s, %.1f MB", path, path.stat().st_size / 1e6)


def _read(path: Path) -> Weights | None:
    """What `_keep` has written; None where there is none, or it is damaged and now removed.

    Raises:
      RefusedError: it is there, and cannot be read.
    """
    try:
        with np.load(file_system.regular(path)) as file:
            weights = {name: file[name] for name in file.files}
        digest = weights.pop(_DIGEST).tobytes().hex()
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
        digest, weights = "", {}
    except OSError as error:
        raise RefusedError(f"{path} cannot be read ({error.strerror}): make it readable") from error
    if weights and _digest(weights) == digest:
        return weights
    log.warning("evaluation: %s is damaged, and made anew", path)
    path.unlink(missing_ok=True)
    return None


def _digest(weights: Weights, of: str = "") -> str:
    """The SHA-256 digest of the weights whose names start so."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        if name.startswith(of):
            array = np.ascontiguousarray(weights[name])
            digest.update(f"{name} {array.dtype.str} {array.shape}\0".encode() + array.tobytes())
    return digest.hexdigest()
