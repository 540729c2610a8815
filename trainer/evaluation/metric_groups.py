"""The figures of a generator, put together from what classifiers see in its images."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainer.evaluation import classifier_networks, classifiers, metrics, neighbours, pixel_space

SCORE_EPOCHS = 20  # of the classifier that learns from fakes alone
# Of an image, with its channels: the components of n take time like n^3 and memory like n^2.
MOST_PIXELS = 4096


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


class PixelFigures:
    """Figures of uint8 images themselves, in the principal components of the test images.

    They see what classifiers are blind to, such as how bright and how sharp images are, but hardly
    faint noise, which is not in the first components.
    """

    def __init__(self, test: np.ndarray, train: np.ndarray) -> None:
        """Finds the components, once for all.

        Args:
          test: uint8 `[M, height, width, channels]`.
          train: those that generators were trained on, of the same shape.
        """
        self._space = None
        if test[0].size <= MOST_PIXELS:
            self._space = pixel_space.principal_components(test)
            self._test, self._train = self._space.project(test), self._space.project(train)

    def __call__(self, fakes: np.ndarray) -> dict[str, float | None]:
        """The figures; None each for images of more than `MOST_PIXELS`."""
        if self._space is None:
            return {"pixel_frechet_distance": None, "neighbour_distance_ratio": None}
        seen = self._space.project(fakes)
        ratio = neighbours.neighbour_distance_ratio(seen, self._test, self._train)
        return {
            "pixel_frechet_distance": metrics.frechet_distance(seen, self._test),
            "neighbour_distance_ratio": ratio,
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
    network = classifier_networks.judge()
    classifier_networks.train(network, fakes, wanted, SCORE_EPOCHS, seed)
    seen = classifiers.looking_with(network)(test)[-1].argmax(axis=1)
    return metrics.accuracy(seen, labels)
