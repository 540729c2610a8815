"""How `evaluate` measures, by which it knows what is measured already; without TensorFlow."""

from __future__ import annotations

import functools
import logging
from typing import Any

from trainer.cloud.data_folder import CopiedData
from trainer.configuration.choices import CLASSIFIED, OWN_FEATURES
from trainer.configuration.config import EvaluateConfig, Recipe
from trainer.data.datasets import IMAGE_FOLDER
from trainer.evaluation import inception
from trainer.runs.file_names import TEST
from trainer.system import file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

DIGESTS = {  # of the weights of the package's classifiers
    "feature_network": "e5147b1ec62ecd14430a680c8fc4cf37bbd3a5d2bab76f05e276dd78719ab572",
    "class_network": "3a869bb461ca3505cdb7d94e5613c76a8e1ca8560e84e611c084dcbf62a38d04",
}


def check(recipe: Recipe, settings: EvaluateConfig) -> None:
    """Refuses data sets for which metrics cannot be computed; reads nothing.

    Raises:
      RefusedError: there are no test images, or no classifier for the data set.
    """
    dataset = recipe.data.dataset
    if dataset == IMAGE_FOLDER:
        raise RefusedError(
            f"a run on --dataset={IMAGE_FOLDER} cannot be evaluated: such data have no test images"
        )
    if settings.features == OWN_FEATURES and dataset not in CLASSIFIED:
        raise RefusedError(
            f"the package has classifiers of {CLASSIFIED[0]}, not of {dataset}: use "
            "--features=inception"
        )


@functools.cache
def prepare(recipe: Recipe, settings: EvaluateConfig) -> None:
    """Provides what evaluation needs besides the data; Inception is kept where the data are.

    Raises:
      RefusedError: as for `check`.
      InterruptedRun: Inception cannot be downloaded now.
    """
    check(recipe, settings)
    if settings.features == OWN_FEATURES or not settings.data_dir_url:
        return
    copied = CopiedData(settings.data_dir_url, settings.data_dir, inception.FOLDER)
    inception.fetch(settings.data_dir)
    try:
        copied.send()
    except RefusedError as error:
        log.info("Inception will be downloaded again the next time: %s", error)


def protocol(recipe: Recipe, settings: EvaluateConfig) -> dict[str, Any]:
    """How generators are evaluated: metrics are comparable where this is equal.

    Raises:
      RefusedError: the feature network is not available.
      InterruptedRun: it cannot be downloaded now.
    """
    if settings.features == OWN_FEATURES:
        digest = DIGESTS["feature_network"]
    else:
        digest = file_system.sha256(inception.fetch(settings.data_dir))
    fields = {
        "against": TEST,
        "num": settings.num,
        "seed": settings.seed,
        "features": settings.features,
        "features_sha256": digest,
    }
    if recipe.data.dataset in CLASSIFIED:
        fields["judge_sha256"] = DIGESTS["class_network"]
    return fields
