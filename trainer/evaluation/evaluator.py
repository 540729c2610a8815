"""Everything that can be said of a generator, against images that no training has seen."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.configuration.choices import CLASSIFIED, OWN_FEATURES
from trainer.configuration.config import EvaluateConfig, Recipe
from trainer.data import IMAGE_FOLDER, loading
from trainer.evaluation import classifiers, inception, metric_groups, metrics
from trainer.evaluation.metric_groups import PixelFigures
from trainer.runs import evaluations, trained
from trainer.runs.trained import Trained
from trainer.system import file_system
from trainer.system.exits import RefusedError

Features = Callable[[np.ndarray], np.ndarray]  # uint8 [N, height, width, channels] -> [N, D]


def check(recipe: Recipe, settings: EvaluateConfig) -> None:
    """Refuses data that figures cannot be computed of; reads nothing.

    Raises:
      RefusedError: as the name says.
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


def protocol(recipe: Recipe, settings: EvaluateConfig) -> dict[str, Any]:
    """How a measurement is made: figures compare where this is equal.

    Raises:
      RefusedError: the network that gives features cannot be had.
      InterruptedRun: it cannot be downloaded now.
    """
    if settings.features == OWN_FEATURES:
        digest = classifiers.DIGESTS["feature_network"]
    else:
        digest = file_system.sha256(inception.fetch(settings.data_dir))
    made = {
        "against": evaluations.TEST,
        "num": settings.num,
        "seed": settings.seed,
        "features": settings.features,
        "features_sha256": digest,
    }
    if recipe.data.dataset in CLASSIFIED:
        made["judge_sha256"] = classifiers.DIGESTS["judge"]
    return made


class Measure:
    """Measures generators of one recipe, all in the same way."""

    def __init__(self, recipe: Recipe, settings: EvaluateConfig) -> None:
        """Reads the real images and the weights of the network that gives features.

        Raises:
          RefusedError: the data or the weights cannot be had, or do not fit one another.
        """
        check(recipe, settings)
        self._recipe = recipe
        self._settings = settings
        self._train, _ = loading.load(recipe.data, "train", settings.data_dir)
        self._test, self._labels = loading.load(recipe.data, "test", settings.data_dir)
        if settings.features == OWN_FEATURES:
            self._features: Features = classifiers.features
        else:
            self._features = inception.load(inception.fetch(settings.data_dir))
        self._protocol = protocol(recipe, settings)

    def __call__(self, network: Trained) -> dict[str, Any]:
        """`figures` of what a generator draws, and its step; the same again if asked again."""
        recipe, num, seed = self._recipe, self._settings.num, self._settings.seed
        cycle = trained.label_cycle(recipe)
        draw = tf.function(network.generate, autograph=False)
        fakes = np.concatenate(list(trained.sample_batches(draw, recipe, num, seed, cycle)))
        wanted = trained.labels_of(cycle, 0, num).numpy() if recipe.networks.conditional else None
        return {"step": network.step, **self.figures(fakes, wanted)}

    def figures(self, images: np.ndarray, wanted: np.ndarray | None) -> dict[str, Any]:
        """All figures of images, with how they were measured.

        Those of classes are left out of data that the judge does not know. None are those that
        need labels where nothing was asked for, those of pixels where there are too many, and the
        deviation of a kernel distance that was not computed from parts.

        Args:
          images: uint8 `[N, height, width, channels]`, in the place of fakes.
          wanted: what they should show, integers `[N]`; None: nothing was asked for.
        """
        line = {**self._protocol, **self._of_features(images)}
        if self._recipe.data.dataset in CLASSIFIED:
            line |= self._of_classes(images, wanted)
        return line | self._pixel_figures(images)

    @functools.cached_property
    def _pixel_figures(self) -> PixelFigures:
        return PixelFigures(self._test, self._train)

    def _of_features(self, fakes: np.ndarray) -> dict[str, Any]:
        distance = "classifier_fid" if self._settings.features == OWN_FEATURES else "fid"
        test, floor = self._references
        features = self._features(fakes)
        kernel, deviation = metrics.kernel_distance(features, test, self._settings.seed)
        return {
            **metric_groups.of_features(features, test, distance),
            f"{distance}_floor": floor,
            "kid": kernel,
            "kid_deviation": deviation,
        }

    @functools.cached_property
    def _references(self) -> tuple[np.ndarray, float]:
        """Features of the test images, and how far from them as many training images are."""
        num = self._settings.num
        test = self._features(self._test[:num])
        return test, metrics.frechet_distance(self._features(self._train[:num]), test)

    def _of_classes(self, fakes: np.ndarray, wanted: np.ndarray | None) -> dict[str, Any]:
        names = self._recipe.data.class_names
        expected = metrics.class_shares(self._labels, len(names))
        found = metric_groups.of_classes(classifiers.classes(fakes), wanted, expected)
        found["class_shares"] = dict(zip(names, found["class_shares"], strict=True))
        found["missing_classes"] = [names[number] for number in found["missing_classes"]]
        found["classification_accuracy_score"] = None
        if wanted is not None:
            found["classification_accuracy_score"] = metric_groups.classification_accuracy_score(
                fakes, wanted, self._test, self._labels, self._settings.seed
            )
        return found
