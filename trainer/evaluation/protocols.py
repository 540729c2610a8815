"""How `evaluate` measures, by which it knows what is measured already; without TensorFlow."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from trainer.cloud.data_places import DataPlaces
from trainer.configuration import choices
from trainer.configuration.choices import CLASSIFIED, FASHION, FEWEST_SAMPLES, INCEPTION, OWN
from trainer.configuration.config import Measurement, Recipe
from trainer.data.datasets import DatasetSpec
from trainer.evaluation import inception_files, own_network_files
from trainer.run_layout import TEST
from trainer.runs import stored_runs
from trainer.system import file_system
from trainer.system.exits import RefusedError

MOST_HELD_BACK = 0.5  # of the pictures: of fewer a run learns nothing
DIGESTS = {  # of the weights of the package's classifiers
    "feature_network": "e5147b1ec62ecd14430a680c8fc4cf37bbd3a5d2bab76f05e276dd78719ab572",
    "class_network": "3a869bb461ca3505cdb7d94e5613c76a8e1ca8560e84e611c084dcbf62a38d04",
}


def can_be_evaluated(recipe: Recipe) -> bool:
    """Whether `evaluate` can measure runs of a recipe."""
    return not recipe.completion.masks and recipe.data.test_examples >= FEWEST_SAMPLES


def check(recipe: Recipe, features: str | None) -> None:
    """Refuses runs for which metrics cannot be computed; reads nothing.

    Raises:
      RefusedError: the run completes pictures, there are too few test images, or the package's
        networks are of other data.
    """
    stored_runs.check_generates(recipe)
    data = recipe.data
    if data.test_examples < FEWEST_SAMPLES:
        raise RefusedError(
            f"a run on --dataset={data.dataset} with {data.test_examples or 'no'} test images "
            f"cannot be evaluated, which needs {FEWEST_SAMPLES}: train one that holds back "
            f"that many, with {holding_back(data)}"
        )
    if features == FASHION and data.dataset not in CLASSIFIED:
        raise RefusedError(
            f"the package has networks for {CLASSIFIED[0]}, not for {data.dataset}: leave "
            "--features out"
        )


def holding_back(data: DatasetSpec) -> str:
    """How a folder of pictures gets enough test images, most probably."""
    share = math.ceil(200 * FEWEST_SAMPLES / (data.train_examples + data.test_examples)) / 100
    more = "more pictures in a folder test/"
    return more if share > MOST_HELD_BACK else f"{more}, or, without one, --test_share={share:g}"


def is_packaged(dataset: str, features: str | None) -> bool:
    """Whether the package's classifier knows the data, and its features are not left aside."""
    return dataset in CLASSIFIED and choices.features_of(dataset, features) != OWN


def protocol(
    data: DatasetSpec, asked: Measurement, features_sha256: str, classifier_sha256: str | None
) -> dict[str, Any]:
    """How generators are evaluated: metrics are comparable where this is equal.

    Args:
      data: that they have learnt.
      asked: how they are measured.
      features_sha256: of the network that features are computed with.
      classifier_sha256: of the network that predicts values of attributes, if there are any.
    """
    fields = {
        "against": TEST,
        "num": asked.num,
        "seed": asked.seed,
        "features": choices.features_of(data.dataset, asked.features),
        "features_sha256": features_sha256,
    }
    if classifier_sha256:
        fields["judge_sha256"] = classifier_sha256
    if not is_packaged(data.dataset, asked.features) and data.test_examples > asked.num:
        fields["pixels_of"] = asked.num  # test images; before, pixels were compared with all
    return fields


def has_score(recipe: Recipe, result: dict[str, Any]) -> bool:
    """Whether a result has the score of a classifier trained on the fakes, where one can be."""
    score = result.get("classification_accuracy_score")
    return result.get("cas", score is not None or not recipe.networks.conditional)


def known(
    data: DatasetSpec, asked: Measurement, job_dir: Path, places: DataPlaces
) -> dict[str, Any] | None:
    """The protocol; None where its networks are still to be trained, so nothing was measured.

    Args:
      data: that a run has learnt.
      asked: how it is measured.
      job_dir: of the run.
      places: of the data.

    Raises:
      RefusedError: a network cannot be read.
      InterruptedRun: Inception cannot be downloaded now.
    """
    of_classifier: str | None
    if is_packaged(data.dataset, asked.features):
        of_features, of_classifier = DIGESTS["feature_network"], DIGESTS["class_network"]
    else:
        weights = own_network_files.find(data, job_dir, places.cache_dir)
        if weights is None:
            return None
        of_features, of_classifier = own_network_files.digests(weights)
    if choices.features_of(data.dataset, asked.features) == INCEPTION:
        of_features = file_system.sha256(inception_files.provide(data.dataset, places))
    return protocol(data, asked, of_features, of_classifier)
