"""The networks that a data set is evaluated with where the package has none: trained once, kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from trainer.data.datasets import DatasetSpec, LabelledImages
from trainer.evaluation import (
    evaluation_networks,
    own_network_architectures,
    own_network_files,
    own_network_training,
)
from trainer.evaluation.evaluation_networks import EvaluationNetworks
from trainer.evaluation.own_network_files import CLASSIFIER, FEATURE_NETWORK, Weights

log = logging.getLogger(__name__)


def provide(
    spec: DatasetSpec,
    load: Callable[[], LabelledImages],
    *places: Path,
    publish: Callable[[], None] = lambda: None,
) -> EvaluationNetworks:
    """The networks of a data set: those that were trained before, else trained now.

    Args:
      spec: what the data are.
      load: gives the training pictures and their labels.
      places: folders in which they are looked for, and into which they are put where they are
        not there yet and the folder can be written to.
      publish: what shows new ones to other machines, and replaces them in the first of the folders
        by those of a machine that was sooner.

    Raises:
      Stopped: the run was asked to stop.
    """
    found = find(spec, *places)
    if found is None:
        weights = _train(spec, *load())
        # Another process may have been first: what lies there is what all others measure with.
        for place in reversed(places):  # the last one is shared by more
            own_network_files.keep(spec, weights, place)
            weights = own_network_files.find(spec, place) or weights
        publish()
        found = find(spec, *places) or _networks(spec, weights)
    return found


def find(spec: DatasetSpec, *places: Path) -> EvaluationNetworks | None:
    """Those that were trained before, now in all places; None if there are none."""
    weights = own_network_files.find(spec, *places)
    if weights is None:
        return None
    own_network_files.keep(spec, weights, *places)
    return _networks(spec, weights)


def untrained(spec: DatasetSpec) -> EvaluationNetworks:
    """The same in form and speed, with nothing learnt: to measure what an evaluation takes."""
    return _networks(spec)


def _train(spec: DatasetSpec, images: np.ndarray, labels: np.ndarray) -> Weights:
    count, started = len(images), time.monotonic()
    log.info(
        "evaluation: training networks that know %s, only once: %d steps for one, %d for the "
        "other, on %d pictures",
        *(
            spec.dataset,
            own_network_training.feature_steps(count),
            own_network_training.steps(count),
            count,
        ),
    )
    trained = {
        FEATURE_NETWORK: own_network_training.train_features(images, labels, spec.label_sizes)
    }
    if spec.label_sizes:
        trained[CLASSIFIER] = own_network_training.train_classifier(
            images, labels, spec.label_sizes
        )
    log.info("evaluation: they were trained in %.0f s", time.monotonic() - started)
    return {
        f"{name}/{variable.path}": variable.numpy()
        for name, network in trained.items()
        for variable in network.variables
    }


def _networks(spec: DatasetSpec, weights: Weights | None = None) -> EvaluationNetworks:
    whole = own_network_architectures.feature_network(spec.image_shape, ())
    built = {FEATURE_NETWORK: keras.Model(whole.inputs, whole.outputs[0])}
    if spec.label_sizes:
        built[CLASSIFIER] = own_network_architectures.classifier(spec.image_shape, spec.label_sizes)
    for name, network in built.items():
        if weights is not None:
            for variable in network.variables:
                variable.assign(weights[f"{name}/{variable.path}"])
    predict = {name: evaluation_networks.predictor(network) for name, network in built.items()}

    def values(images: np.ndarray) -> np.ndarray:
        if CLASSIFIER not in predict:
            return np.zeros((len(images), 0), np.int64)
        return np.stack([logits.argmax(axis=1) for logits in predict[CLASSIFIER](images)], axis=1)

    return EvaluationNetworks(
        lambda images: predict[FEATURE_NETWORK](images)[0],
        values,
        *(own_network_files.digests(weights) if weights else ("", None)),
    )
