"""Metrics of what images show: of the first attribute, called the class, and of all attributes."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from trainer.data.datasets import Attribute
from trainer.evaluation import metric_groups, metrics, own_network_training
from trainer.evaluation.evaluation_networks import EvaluationNetworks, predictor

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


class AttributeMetrics:
    """Compares what generated images show with what was asked for, and with the test images."""

    def __init__(
        self,
        attributes: tuple[Attribute, ...],
        seen_with: EvaluationNetworks,
        test: np.ndarray,
        test_labels: np.ndarray,
        seed: int,
    ) -> None:
        """Takes what all evaluations share.

        Args:
          attributes: of the data, at least one.
          seen_with: networks that know them.
          test: uint8 `[M, height, width, channels]`.
          test_labels: int64 `[M, attributes]`, -1 where a value is missing.
          seed: of a classifier that learns from generated images.
        """
        self._attributes = attributes
        self._networks = seen_with
        self._test = test
        self._test_labels = test_labels
        self._seed = seed

    def of_class(
        self,
        images: np.ndarray,
        predicted: np.ndarray,
        labels: np.ndarray | None,
        learn: Callable[..., float] | None,
    ) -> dict[str, Any]:
        """`CLASS_METRICS`, of the first attribute; those that need labels are None without.

        Args:
          images: uint8 `[N, height, width, channels]`.
          predicted: what the classifier sees in them, int64 `[N, attributes]`.
          labels: int64 `[N, attributes]`, -1 where nothing was asked for; None: without labels.
          learn: `metric_groups.classification_accuracy_score` or `accuracy_of_learner`; None:
            neither.
        """
        names, real_labels = self._attributes[0].values, self._test_labels[:, 0]
        asked = None if labels is None else labels[:, 0]
        shares = metric_groups.shares_of_labels(real_labels, len(names))
        if shares is None:
            log.warning("evaluation: no shares of classes, which no test image has")
            found = {"class_accuracy": metric_groups.accuracy(predicted[:, 0], asked)}
            return dict.fromkeys(CLASS_METRICS) | found
        values = metric_groups.class_metrics(predicted[:, 0], asked, shares)
        values["class_shares"] = dict(zip(names, values["class_shares"], strict=True))
        values["missing_classes"] = [names[number] for number in values["missing_classes"]]
        values["classification_accuracy_score"] = None
        if asked is not None and learn is not None:
            values["classification_accuracy_score"] = learn(
                images, asked, self._test, real_labels, self._seed
            )
        return values

    def of_all(self, predicted: np.ndarray, labels: np.ndarray | None) -> dict[str, Any]:
        """How often the classifier sees what was asked for, and what test images have, by name.

        Args:
          predicted: int64 `[N, attributes]`.
          labels: int64 `[N, attributes]`, -1 where nothing was asked for; None: without labels.
        """
        return {
            "attribute_accuracy": self._accuracy(predicted, labels),
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
                "evaluation: no Fréchet distance of %s, of which there are fewer than %d images "
                "on one side",
                *(", ".join(few), metric_groups.FEWEST_OF_VALUE),
            )
        return by_name

    @functools.cached_property
    def _accuracy_of_test(self) -> dict[str, float | None]:
        return self._accuracy(self._networks.values(self._test), self._test_labels)

    def _accuracy(
        self, predicted: np.ndarray, labels: np.ndarray | None
    ) -> dict[str, float | None]:
        return {
            attribute.name: metric_groups.accuracy(
                predicted[:, number], None if labels is None else labels[:, number]
            )
            for number, attribute in enumerate(self._attributes)
        }


def accuracy_of_learner(
    fakes: np.ndarray,
    fake_labels: np.ndarray,
    reals: np.ndarray,
    real_labels: np.ndarray,
    seed: int,
) -> float:
    """`metric_groups.classification_accuracy_score` by a classifier of `own_network_training`.

    Args:
      fakes: uint8 `[N, height, width, channels]`.
      fake_labels: int64 `[N]`, -1 where none was asked for.
      reals: test images, uint8 `[M, height, width, channels]`.
      real_labels: int64 `[M]`, -1 where none is given, but not everywhere.
      seed: decides the classifier's initial weights, and the order and augmentation of fakes.
    """
    count = int(max(fake_labels.max(), real_labels.max())) + 1
    learner = own_network_training.train_classifier(
        fakes, fake_labels[:, np.newaxis], [count], seed
    )
    given = real_labels >= 0
    predicted = predictor(learner)(reals)[0].argmax(axis=1)
    return metrics.accuracy(predicted[given], real_labels[given])
