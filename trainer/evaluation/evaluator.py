"""All metrics of a generator, against test images, which are never trained on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.configuration.choices import CLASSIFIED, OWN_FEATURES
from trainer.configuration.config import EvaluateConfig, Recipe
from trainer.data import loading
from trainer.evaluation import classifiers, inception, metric_groups, metrics, protocols
from trainer.evaluation.metric_groups import PixelMetrics
from trainer.gan import sampling
from trainer.runs.trained_networks import Trained

Features = Callable[[np.ndarray], np.ndarray]  # uint8 [N, height, width, channels] -> [N, D]


class Evaluator:
    """Evaluates generators of one recipe, all in the same way."""

    def __init__(self, recipe: Recipe, settings: EvaluateConfig) -> None:
        """Reads the real images and the weights of the feature network.

        Raises:
          RefusedError: the data or the weights are not available or do not match.
        """
        protocols.check(recipe, settings)
        self._recipe = recipe
        self._settings = settings
        self._train, _ = loading.load(recipe.data, "train", settings.data_dir, settings.cache_dir)
        self._test, test_labels = loading.load(
            recipe.data, "test", settings.data_dir, settings.cache_dir
        )
        self._test_labels = test_labels[:, 0] if test_labels.shape[1] else np.zeros(0, np.int64)
        if settings.features == OWN_FEATURES:
            self._features: Features = classifiers.features
        else:
            self._features = inception.load(inception.fetch(settings.data_dir))
        self._protocol = protocols.protocol(recipe, settings)

    def __call__(self, network: Trained) -> dict[str, Any]:
        """`measure` of generated images, with the generator's step; deterministic."""
        recipe, num, seed = self._recipe, self._settings.num, self._settings.seed
        cycle = sampling.label_cycle(recipe)
        generate = tf.function(network.generate, autograph=False)
        fakes = np.concatenate(list(sampling.sample_batches(generate, recipe, num, seed, cycle)))
        labels = (
            sampling.cycled_labels(cycle, 0, num).numpy()[:, 0]
            if recipe.networks.conditional
            else None
        )
        return {"step": network.step, **self.measure(fakes, labels)}

    def measure(self, images: np.ndarray, labels: np.ndarray | None) -> dict[str, Any]:
        """All metrics of images, with the protocol.

        Class metrics are left out for data that the class network does not know. Metrics that
        need labels are None without labels, pixel metrics for images of too many pixels, and the
        deviation of the kernel distance where it was not computed from subsets.

        Args:
          images: uint8 `[N, height, width, channels]`, evaluated as fakes.
          labels: the labels they were generated for, integers `[N]`; None: without labels.
        """
        values = {**self._protocol, **self._feature_metrics(images)}
        if self._recipe.data.dataset in CLASSIFIED:
            values |= self._class_metrics(images, labels)
        return values | self._pixel_metrics(images)

    @functools.cached_property
    def _pixel_metrics(self) -> PixelMetrics:
        return PixelMetrics(self._test, self._train)

    def _feature_metrics(self, fakes: np.ndarray) -> dict[str, Any]:
        fid_name = "classifier_fid" if self._settings.features == OWN_FEATURES else "fid"
        test, fid_floor = self._references
        features = self._features(fakes)
        kernel, deviation = metrics.kernel_distance(features, test, self._settings.seed)
        return {
            **metric_groups.feature_metrics(features, test, fid_name),
            f"{fid_name}_floor": fid_floor,
            "kid": kernel,
            "kid_deviation": deviation,
        }

    @functools.cached_property
    def _references(self) -> tuple[np.ndarray, float]:
        """Features of the test images, and the distance that as many training images have."""
        num = self._settings.num
        test = self._features(self._test[:num])
        return test, metrics.frechet_distance(self._features(self._train[:num]), test)

    def _class_metrics(self, fakes: np.ndarray, labels: np.ndarray | None) -> dict[str, Any]:
        names = self._recipe.data.attributes[0].values
        real_shares = metrics.class_shares(self._test_labels, len(names))
        values = metric_groups.class_metrics(classifiers.classes(fakes), labels, real_shares)
        values["class_shares"] = dict(zip(names, values["class_shares"], strict=True))
        values["missing_classes"] = [names[number] for number in values["missing_classes"]]
        values["classification_accuracy_score"] = None
        if labels is not None:
            values["classification_accuracy_score"] = metric_groups.classification_accuracy_score(
                fakes, labels, self._test, self._test_labels, self._settings.seed
            )
        return values
