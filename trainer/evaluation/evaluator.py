"""All metrics of a generator, against test images, which are never trained on."""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.cloud.data_places import DataPlaces
from trainer.configuration import choices
from trainer.configuration.choices import INCEPTION
from trainer.configuration.config import Measurement, Recipe
from trainer.data import order
from trainer.data.datasets import DatasetSpec, LabelledImages
from trainer.evaluation import (
    feature_cache,
    inception,
    inception_files,
    metric_groups,
    metrics,
    own_networks,
    packaged_networks,
    protocols,
)
from trainer.evaluation.attribute_metrics import ATTRIBUTE_METRICS, AttributeMetrics
from trainer.evaluation.classification_accuracy import by_own_network, by_packaged_network
from trainer.evaluation.evaluation_networks import EvaluationNetworks
from trainer.evaluation.metric_groups import PixelMetrics
from trainer.gan import sampling
from trainer.runs.figures import FRECHET
from trainer.runs.trained_networks import Trained
from trainer.system import activity, file_system, memory

log = logging.getLogger(__name__)


def networks(
    data: DatasetSpec,
    features: str | None,
    job_dir: Path,
    places: DataPlaces,
    load: Callable[[], LabelledImages],
    publish: Callable[[], None],
) -> EvaluationNetworks:
    """What images are seen with. Where it is trained first, that takes minutes.

    Args:
      data: that the generators have learnt.
      features: that are asked for; None: the default of the data.
      job_dir: of the run.
      places: of the data.
      load: gives the training images and their labels.
      publish: see `own_networks.provide`.

    Raises:
      RefusedError: it is not available.
      InterruptedRun: it cannot be downloaded now.
    """
    if protocols.is_packaged(data.dataset, features):
        found = packaged_networks.provide()
    else:
        found = own_networks.provide(data, load, job_dir, places.cache_dir, publish=publish)
    if choices.features_of(data.dataset, features) != INCEPTION:
        return found
    path = inception_files.provide(data.dataset, places)
    load_network = functools.cache(inception.load)
    return dataclasses.replace(
        found,
        features=lambda images: load_network(path)(images),
        features_sha256=file_system.sha256(path),
    )


class Evaluator:
    """Evaluates generators of one recipe, all in the same way."""

    def __init__(
        self,
        recipe: Recipe,
        asked: Measurement,
        cache_dir: Path,
        networks: EvaluationNetworks,
        train: LabelledImages,
        test: LabelledImages,
    ) -> None:
        """Takes what all evaluations share.

        Args:
          recipe: of the generators.
          asked: how they are measured.
          cache_dir: keeps features of real images.
          networks: from `networks`.
          train: the training images and their labels.
          test: the test images and theirs.
        """
        self._recipe = recipe
        self._asked = asked
        self._cache_dir = cache_dir
        self._networks = networks
        self._train, self._train_labels = train
        self._test, self._test_labels = test
        digests = (networks.features_sha256, networks.classifier_sha256)
        dataset = recipe.data.dataset
        self._protocol = protocols.protocol(recipe.data, asked, *digests)
        # Of data that the package knows, results stay what they were before there were others.
        self._is_packaged = protocols.is_packaged(dataset, asked.features)
        self._attributes = None
        if recipe.data.attributes:
            self._attributes = AttributeMetrics(
                recipe.data.attributes, networks, self._test, self._test_labels, asked.seed
            )
        elif not self._is_packaged:
            log.info("evaluation: no metrics of classes, as the data have no attributes")
        if len(self._test) < asked.num:
            log.info(
                "evaluation: %d images are compared with all %d test images, as there are no more",
                *(asked.num, len(self._test)),
            )

    def __call__(self, network: Trained) -> dict[str, Any]:
        """`measure` of generated images, with the generator's step; deterministic."""
        recipe, num, seed = self._recipe, self._asked.num, self._asked.seed
        memory.check_room(num * math.prod(recipe.data.image_shape), "use a smaller --num")
        generate = tf.function(network.generate, autograph=False)
        labels = sampling.labels_as_in(recipe, self._train_labels, num, seed)
        batches = sampling.sample_batches(generate, recipe, num, seed, labels)
        fakes = sampling.concatenated(batches, num)
        return {"step": network.step, **self.measure(fakes, labels)}

    def measure(self, images: np.ndarray, labels: np.ndarray | None) -> dict[str, Any]:
        """All metrics of images, with the protocol.

        None stands for what cannot be computed: metrics that need labels without labels, those of
        classes of data without attributes, the deviation of the kernel distance where it was not
        computed from subsets, and others for which there are too few test images.

        Args:
          images: uint8 `[N, height, width, channels]`, evaluated as fakes.
          labels: what they were generated for, integers `[N, attributes]`, -1 where nothing was
            asked for; None: without labels.
        """
        activity.part("computing features")
        fake_features = self._networks.features(images)
        values = {**self._protocol, "cas": self._asked.cas}
        if not self._is_packaged:
            values["real_num"] = len(self._test_rows)
        values |= self._feature_metrics(fake_features)
        values |= self._attribute_values(images, fake_features, labels)
        return values | self._pixel_metrics(images)

    @functools.cached_property
    def _pixel_metrics(self) -> PixelMetrics:
        # Of what the package knows, all test images, as ever; of others no more than are compared
        # by their features, for what they take grows with the training images, too.
        rows = None if self._is_packaged else self._test_rows
        return PixelMetrics(self._test, self._train, rows)

    def _feature_metrics(self, fakes: np.ndarray) -> dict[str, Any]:
        is_published = self._protocol["features"] == INCEPTION
        fid_name = "fid" if is_published else FRECHET
        test, fid_floor = self._references
        kernel, deviation = metrics.kernel_distance(fakes, test, self._asked.seed)
        return {
            **metric_groups.feature_metrics(fakes, test, fid_name),
            f"{fid_name}_floor": fid_floor,
            "kid": kernel,
            "kid_deviation": deviation,
        }

    @functools.cached_property
    def _references(self) -> tuple[np.ndarray, float]:
        """Features of the test images, and the distance that as many training images have."""
        test, train = (
            feature_cache.of_rows(self._networks, images, rows, self._cache_dir)
            for images, rows in (
                (self._test, self._test_rows),
                (self._train, self._drawn_rows(len(self._train))),
            )
        )
        return test, metrics.frechet_distance(train, test)

    @functools.cached_property
    def _test_rows(self) -> np.ndarray:
        return self._drawn_rows(len(self._test))

    def _drawn_rows(self, count: int) -> np.ndarray:
        """`num` of so many images: the first where they lie in no order, else drawn."""
        num = min(self._asked.num, count)
        if self._is_packaged:
            return np.arange(num)
        return np.sort(order.permutation(self._asked.seed, 0, count)[:num])

    def _attribute_values(
        self, images: np.ndarray, fake_features: np.ndarray, labels: np.ndarray | None
    ) -> dict[str, Any]:
        if self._attributes is None:
            return {} if self._is_packaged else dict.fromkeys(ATTRIBUTE_METRICS)
        by_network = by_packaged_network if self._is_packaged else by_own_network
        score = by_network if self._asked.cas else None
        seen = self._attributes.seen(self._networks.values(images), labels)
        of_class = self._attributes.of_class(seen, images, labels, score)
        if self._is_packaged:
            return of_class
        real_labels = self._test_labels[self._test_rows]
        return {
            **of_class,
            **self._attributes.of_all(seen),
            "frechet_by_value": self._attributes.frechet_by_value(
                fake_features, labels, self._references[0], real_labels
            ),
        }
