"""A run's own measure of itself: cheap, and against training images alone."""

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
from trainer.gan.fashion_gan import FashionGAN
from trainer.runs import trained
from trainer.runs.file_names import TRAIN

log = logging.getLogger(__name__)

REFERENCES = 10_000  # training images
SEED = 0  # of the latents, the same each time, and of the choice of references
NEAR_ZERO = 0.05


def protocol(num: int) -> dict[str, Any]:
    """How a training measures itself with `num` images: figures compare where this is equal."""
    return {
        "against": TRAIN,
        "num": num,
        "features_sha256": classifiers.DIGESTS["feature_network"],
    }


def evaluator(
    gan: FashionGAN, images: np.ndarray, labels: np.ndarray, num: int
) -> Callable[[], dict[str, float]]:
    """A function that measures `num` images of the generator as it stands.

    On one device and in batches of one size, so that figures do not depend on the strategy.

    Args:
      gan: the state.
      images: those it is trained on, uint8.
      labels: theirs.
      num: images to draw.
    """
    recipe = gan.recipe
    draw = tf.function(gan.sample, autograph=False)
    cycle = trained.label_cycle(recipe)
    wanted = trained.labels_of(cycle, 0, num).numpy() if recipe.networks.conditional else None
    rows = np.sort(order.permutation(SEED, 0, len(images))[:REFERENCES])
    expected = metrics.class_shares(labels[rows], len(recipe.data.class_names))

    @functools.cache
    def references() -> np.ndarray:
        return classifiers.features(images[rows])

    def evaluate() -> dict[str, float]:
        started = time.monotonic()
        fakes = np.concatenate(list(trained.sample_batches(draw, recipe, num, SEED, cycle)))
        found = metric_groups.of_features(
            classifiers.features(fakes), references(), "classifier_fid"
        )
        seen = metric_groups.of_classes(classifiers.classes(fakes), wanted, expected)
        found["missing_classes"] = float(len(seen["missing_classes"]))
        found["smallest_class_share"] = min(seen["class_shares"])
        if wanted is not None:
            found["class_accuracy"] = seen["class_accuracy"]
        log.info(
            "evaluation of %d images in %.1f s: %s",
            num,
            time.monotonic() - started,
            ", ".join(f"{name} {figure:.3f}" for name, figure in found.items()),
        )
        _warn_of_collapse(found, [recipe.data.class_names[i] for i in seen["missing_classes"]])
        return found

    return evaluate


def _warn_of_collapse(found: dict[str, float], missing: list[str]) -> None:
    signs = [
        f"{name} {found[name]:.3f}" for name in ("recall", "coverage") if found[name] < NEAR_ZERO
    ]
    if missing:
        signs.append(f"hardly any {', '.join(missing)}")
    if signs:
        log.warning("the generator shows little of the data: %s", "; ".join(signs))
