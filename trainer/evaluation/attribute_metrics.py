"""Metrics of what images show: of the first attribute, called the class, and of all attributes."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.data.datasets import Attribute
from trainer.evaluation import metric_groups, metrics
from trainer.evaluation.classification_accuracy import Score
from trainer.evaluation.evaluation_networks import EvaluationNetworks

log = logging.getLogger(__name__)

CLASS_METRICS = (
    "class_accuracy",
    "class_shares",
    "missing_classes",
    "classification_accuracy_score",
)
ATTRIBUTE_METRICS = (
    *CLASS_METRICS,
    "attribute_accuracy",
    "attribute_accuracy_real",
    "frechet_by_value",
)


@dataclass(frozen=True)
class AttributesSeen:
    """What a classifier sees in images, and how often it is what was asked for."""

    accuracy: dict[str, float | None]  # by attribute; None: nothing was asked for
    shares: dict[str, float] | None  # of the first one's values; None: unknown of real images
    missing: list[str] | None  # values of the first that real images have; None: likewise


def attributes_seen(
    attributes: Sequence[Attribute],
    predicted: np.ndarray,
    labels: np.ndarray | None,
    real_shares: np.ndarray | None,
) -> AttributesSeen:
    """Counts what is seen.

    Args:
      attributes: of the data.
      predicted: what a classifier sees in images, int64 `[N, attributes]`.
      labels: that the images were generated for, int64 `[N, attributes]`, -1 where nothing was
        asked for; None: without labels.
      real_shares: of the first attribute's values among real images, `[values]`; None: unknown.
    """
    accuracy = {
        attribute.name: metric_groups.accuracy(
            predicted[:, number], None if labels is None else labels[:, number]
        )
        for number, attribute in enumerate(attributes)
    }
    if real_shares is None:
        return AttributesSeen(accuracy, None, None)
    names = attributes[0].values
    shares = metrics.class_shares(predicted[:, 0], len(names))
    missing = metrics.missing_classes(shares, real_shares)
    by_name = dict(zip(names, map(float, shares), strict=True))
    return AttributesSeen(accuracy, by_name, [names[number] for number in missing])


class AttributeMetrics:
    """Compares what generated images show with what was asked for, and with the test images."""

    def __init__(
        self,
        attributes: tuple[Attribute, ...],
        networks: EvaluationNetworks,
        test: np.ndarray,
        test_labels: np.ndarray,
        seed: int,
    ) -> None:
        """Takes what all evaluations share.

        Args:
          attributes: of the data, at least one.
          networks: networks that know them.
          test: uint8 `[M, height, width, channels]`.
          test_labels: int64 `[M, attributes]`, -1 where a value is missing.
          seed: of a classifier that learns from generated images.
        """
        self._attributes = attributes
        self._networks = networks
        self._test = test
        self._test_labels = test_labels
        self._seed = seed

    def seen(self, predicted: np.ndarray, labels: np.ndarray | None) -> AttributesSeen:
        """`attributes_seen`, compared with the test images.

        Args:
          predicted: what the classifier sees, int64 `[N, attributes]`.
          labels: int64 `[N, attributes]`, -1 where nothing was asked for; None: without labels.
        """
        return attributes_seen(self._attributes, predicted, labels, self._shares_of_test)

    def of_class(
        self,
        seen: AttributesSeen,
        images: np.ndarray,
        labels: np.ndarray | None,
        score: Score | None,
    ) -> dict[str, Any]:
        """`CLASS_METRICS`, of the first attribute; those that need labels are None without.

        Args:
          seen: in the images.
          images: uint8 `[N, height, width, channels]`.
          labels: int64 `[N, attributes]`, -1 where nothing was asked for; None: without labels.
          score: of `classification_accuracy`; None: none is asked for.
        """
        learnt = None
        if score and labels is not None and seen.shares is not None:
            of_test = self._test_labels[:, 0]
            learnt = score(images, labels[:, 0], self._test, of_test, self._seed)
        return {
            "class_accuracy": seen.accuracy[self._attributes[0].name],
            "class_shares": seen.shares,
            "missing_classes": seen.missing,
            "classification_accuracy_score": learnt,
        }

    def of_all(self, seen: AttributesSeen) -> dict[str, Any]:
        """How often the classifier sees what was asked for, and what test images have, by name."""
        return {
            "attribute_accuracy": seen.accuracy,
            "attribute_accuracy_real": self._accuracy_of_test,
        }

    def frechet_by_value(
        self,
        fake_features: np.ndarray,
        labels: np.ndarray | None,
        real_features: np.ndarray,
        real_labels: np.ndarray,
    ) -> dict[str, float | None] | None:
        """The Fréchet distance of the images of each value of the first attribute, by its name.

        Args:
          fake_features: `[N, D]`.
          labels: int64 `[N, attributes]`; None: without labels, and without distances.
          real_features: `[M, D]`.
          real_labels: int64 `[M, attributes]`.
        """
        if labels is None:
            return None
        names = self._attributes[0].values
        distances = metric_groups.frechet_by_value(
            fake_features, labels[:, 0], real_features, real_labels[:, 0], len(names)
        )
        by_name = dict(zip(names, distances, strict=True))
        if few := [name for name, distance in by_name.items() if distance is None]:
            log.warning(
                "evaluation: no Fréchet distance for %s, as there are fewer than %d such images on "
                "one side",
                *(", ".join(few), metric_groups.FEWEST_OF_VALUE),
            )
        return by_name

    @functools.cached_property
    def _shares_of_test(self) -> np.ndarray | None:
        values = len(self._attributes[0].values)
        shares = metric_groups.shares_of_labels(self._test_labels[:, 0], values)
        if shares is None:
            log.warning("evaluation: no shares of classes, as no test image has a class")
        return shares

    @functools.cached_property
    def _accuracy_of_test(self) -> dict[str, float | None]:
        return self.seen(self._networks.values(self._test), self._test_labels).accuracy
