"""Groups of metrics of generated images: of features, of predicted classes, of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainer.evaluation import classifier_networks, classifiers, metrics, neighbours, pixel_space

CAS_EPOCHS = 20  # of the classifier that is trained on fakes only
# Of an image, times channels: principal components of n pixels take O(n^3) time, O(n^2) memory.
MAX_PIXELS = 4096


def feature_metrics(fakes: np.ndarray, reals: np.ndarray, fid_name: str) -> dict[str, float]:
    """Metrics of features `[N, D]` and `[M, D]`; `fid_name` is the key of the Fréchet distance."""
    overlap = neighbours.manifold_overlap(fakes, reals)
    return {
        fid_name: metrics.frechet_distance(fakes, reals),
        "precision": neighbours.precision(overlap),
        "recall": neighbours.recall(overlap),
        "density": neighbours.density(overlap),
        "coverage": neighbours.coverage(overlap),
    }


def class_metrics(
    predicted: np.ndarray, labels: np.ndarray | None, real_shares: np.ndarray
) -> dict[str, Any]:
    """Metrics of the classes that the class network predicts.

    Args:
      predicted: int64 `[N]`.
      labels: those that the images were generated for, int64 `[N]`; None: without labels.
      real_shares: shares of the classes among real images, `[classes]`.
    """
    shares = metrics.class_shares(predicted, len(real_shares))
    return {
        "class_accuracy": None if labels is None else metrics.accuracy(predicted, labels),
        "class_shares": [float(share) for share in shares],
        "missing_classes": metrics.missing_classes(shares, real_shares),
    }


class PixelMetrics:
    """Metrics of uint8 images without a network, in the test images' principal components.

    They respond to what classifiers ignore, such as brightness and sharpness, but hardly to faint
    noise, which is not in the first components.
    """

    def __init__(self, test: np.ndarray, train: np.ndarray) -> None:
        """Computes the components once, for any number of fakes.

        Args:
          test: uint8 `[M, height, width, channels]`.
          train: the training images, of the same shape.
        """
        self._space = None
        if test[0].size <= MAX_PIXELS:
            self._space = pixel_space.principal_components(test)
            self._test, self._train = self._space.project(test), self._space.project(train)

    def __call__(self, fakes: np.ndarray) -> dict[str, float | None]:
        """The metrics by name; each is None for images of more than `MAX_PIXELS`."""
        if self._space is None:
            return {"pixel_frechet_distance": None, "neighbour_distance_ratio": None}
        projected = self._space.project(fakes)
        ratio = neighbours.neighbour_distance_ratio(projected, self._test, self._train)
        return {
            "pixel_frechet_distance": metrics.frechet_distance(projected, self._test),
            "neighbour_distance_ratio": ratio,
        }


def classification_accuracy_score(
    fakes: np.ndarray,
    fake_labels: np.ndarray,
    reals: np.ndarray,
    real_labels: np.ndarray,
    seed: int,
) -> float:
    """The accuracy on real images of a classifier that is trained on fakes only.

    Ravuri and Vinyals 2019 (arXiv:1905.10887). The classifier is a new class network.

    Args:
      fakes: uint8 `[N, 28, 28, 1]`.
      fake_labels: `[N]`.
      reals: test images, uint8 `[M, 28, 28, 1]`.
      real_labels: `[M]`.
      seed: decides the classifier's initial weights, and the order and augmentation of fakes.
    """
    network = classifier_networks.class_network()
    classifier_networks.train(network, fakes, fake_labels, CAS_EPOCHS, seed)
    predicted = classifiers.predictor(network)(reals)[-1].argmax(axis=1)
    return metrics.accuracy(predicted, real_labels)
