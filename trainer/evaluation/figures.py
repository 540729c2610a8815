"""The figures of a generator, put together from what classifiers see in its images."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainer.evaluation import classifiers, metrics, neighbours, pixel_space

SCORE_EPOCHS = 20  # of the classifier that learns from fakes alone


def of_features(fakes: np.ndarray, reals: np.ndarray, distance: str) -> dict[str, float]:
    """Figures of features `[N, D]` and `[M, D]`; `distance` is what to call Frechet's."""
    near = neighbours.neighbourhood(fakes, reals)
    return {
        distance: metrics.frechet_distance(fakes, reals),
        "precision": neighbours.precision(near),
        "recall": neighbours.recall(near),
        "density": neighbours.density(near),
        "coverage": neighbours.coverage(near),
    }


def of_classes(seen: np.ndarray, wanted: np.ndarray | None, expected: np.ndarray) -> dict[str, Any]:
    """Figures of the classes that the judge sees.

    Args:
      seen: int64 `[N]`.
      wanted: what the generator was asked for, int64 `[N]`; None: it is not conditional.
      expected: shares of the classes among real images, `[classes]`.
    """
    shares = metrics.class_shares(seen, len(expected))
    return {
        "class_accuracy": None if wanted is None else metrics.accuracy(seen, wanted),
        "class_shares": [float(share) for share in shares],
        "missing_classes": metrics.missing_classes(shares, expected),
    }


def of_pixels(fakes: np.ndarray, test: np.ndarray, train: np.ndarray) -> dict[str, float]:
    """Figures of uint8 images themselves, which see what classifiers are blind to."""
    space = pixel_space.principal_components(test)
    return {
        "pixel_frechet_distance": metrics.pixel_frechet_distance(fakes, test),
        "neighbour_distance_ratio": neighbours.neighbour_distance_ratio(
            space.project(fakes), space.project(test), space.project(train)
        ),
    }


def classification_accuracy_score(
    fakes: np.ndarray, wanted: np.ndarray, test: np.ndarray, labels: np.ndarray, seed: int
) -> float:
    """The accuracy on real images of a classifier that has learnt from fakes alone.

    Ravuri and Vinyals 2019 (arXiv:1905.10887). The classifier is of the judge's kind.

    Args:
      fakes: uint8 `[N, 28, 28, 1]`.
      wanted: their labels `[N]`.
      test: real images, uint8 `[M, 28, 28, 1]`.
      labels: theirs, `[M]`.
      seed: decides the classifier's initial weights and its order.
    """
    network = classifiers.judge()
    classifiers.train(network, fakes, wanted, SCORE_EPOCHS, seed)
    seen = classifiers.looking_with(network)(test)[-1].argmax(axis=1)
    return metrics.accuracy(seen, labels)
