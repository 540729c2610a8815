"""Evaluation of a run while it trains: cheap, and against training images only."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.data import order
from trainer.evaluation import classifiers, metric_groups, metrics
from trainer.gan import sampling
from trainer.gan.state import FashionGAN
from trainer.runs.file_names import TRAIN

log = logging.getLogger(__name__)

REFERENCE_IMAGES = 10_000  # of the training images
SEED = 0  # of the latents, equal in all evaluations, and of the choice of reference images
COLLAPSE_THRESHOLD = 0.05  # of recall and coverage


def protocol(num: int) -> dict[str, Any]:
    """How a run is evaluated with `num` images: metrics are comparable where this is equal."""
    return {
        "against": TRAIN,
        "num": num,
        "features_sha256": classifiers.DIGESTS["feature_network"],
    }


def evaluator(
    gan: FashionGAN, images: np.ndarray, labels: np.ndarray, num: int, quiet: bool = False
) -> Callable[[], dict[str, float]]:
    """A function that evaluates `num` images of the generator with its current weights.

    On one device and in batches of one size, so that metrics do not depend on the strategy.

    Args:
      gan: the GAN that is trained.
      images: the training images, uint8.
      labels: their labels, `[N, attributes]`.
      num: images to generate.
      quiet: whether nothing is logged.
    """
    recipe = gan.recipe
    generate = tf.function(gan.sample, autograph=False)
    cycle = sampling.label_cycle(recipe)
    fake_labels = (
        sampling.cycled_labels(cycle, 0, num).numpy()[:, 0] if recipe.networks.conditional else None
    )
    rows = np.sort(order.permutation(SEED, 0, len(images))[:REFERENCE_IMAGES])
    real_shares = metrics.class_shares(labels[rows, 0], recipe.data.label_sizes[0])

    @functools.cache
    def reference_features() -> np.ndarray:
        return classifiers.features(images[rows])

    def evaluate() -> dict[str, float]:
        started = time.monotonic()
        fakes = np.concatenate(list(sampling.sample_batches(generate, recipe, num, SEED, cycle)))
        values = metric_groups.feature_metrics(
            classifiers.features(fakes), reference_features(), "classifier_fid"
        )
        of_classes = metric_groups.class_metrics(
            classifiers.classes(fakes), fake_labels, real_shares
        )
        values["missing_classes"] = float(len(of_classes["missing_classes"]))
        values["smallest_class_share"] = min(of_classes["class_shares"])
        if fake_labels is not None:
            values["class_accuracy"] = of_classes["class_accuracy"]
        if not quiet:
            missing = [
                recipe.data.attributes[0].values[number] for number in of_classes["missing_classes"]
            ]
            _report(values, missing, num, time.monotonic() - started)
        return values

    return evaluate


def _report(values: dict[str, float], missing: list[str], num: int, seconds: float) -> None:
    log.info(
        "evaluation of %d images in %.1f s: %s",
        num,
        seconds,
        ", ".join(f"{name} {value:.3f}" for name, value in values.items()),
    )
    _warn_of_collapse(values, missing)


def _warn_of_collapse(values: dict[str, float], missing: list[str]) -> None:
    signs = [
        f"{name} {values[name]:.3f}"
        for name in ("recall", "coverage")
        if values[name] < COLLAPSE_THRESHOLD
    ]
    if missing:
        signs.append(f"hardly any {', '.join(missing)}")
    if signs:
        log.warning("the generator shows little of the data: %s", "; ".join(signs))
