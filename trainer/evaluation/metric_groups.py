"""Groups of metrics of generated images: of features, of labels, of pixels."""

from __future__ import annotations

import functools
import logging
import math

import numpy as np

from trainer.evaluation import feature_arrays, metrics, neighbours, pixel_space
from trainer.system import activity

log = logging.getLogger(__name__)

# Of an image, times channels: principal components of n pixels take O(n^3) time, O(n^2) memory.
MAX_PIXELS = 4096
COMPONENTS = 64
# On either side, for a distance of one value: fewer say more of themselves than of their like.
FEWEST_OF_VALUE = 50


def feature_metrics(fakes: np.ndarray, reals: np.ndarray, fid_name: str) -> dict[str, float]:
    """Metrics of features `[N, D]` and `[M, D]`; `fid_name` is the key of the Fréchet distance."""
    activity.part("comparing features")
    overlap = neighbours.manifold_overlap(fakes, reals)
    return {
        fid_name: metrics.frechet_distance(fakes, reals),
        "precision": neighbours.precision(overlap),
        "recall": neighbours.recall(overlap),
        "density": neighbours.density(overlap),
        "coverage": neighbours.coverage(overlap),
    }


def accuracy(predicted: np.ndarray, labels: np.ndarray | None) -> float | None:
    """`metrics.accuracy` where a label is given; None where none is.

    Args:
      predicted: values of an attribute, int64 `[N]`.
      labels: int64 `[N]`, -1 where none is given; None: without labels.
    """
    if labels is None or not (labels >= 0).any():
        return None
    return metrics.accuracy(predicted[labels >= 0], labels[labels >= 0])


def shares_of_labels(labels: np.ndarray, count: int) -> np.ndarray | None:
    """`metrics.class_shares` of the labels that are given; None where none is.

    Args:
      labels: int64 `[N]`, -1 where none is given.
      count: number of values.
    """
    given = labels[labels >= 0]
    return metrics.class_shares(given, count) if len(given) else None


def frechet_by_value(
    fakes: np.ndarray,
    fake_labels: np.ndarray,
    reals: np.ndarray,
    real_labels: np.ndarray,
    count: int,
) -> list[float | None]:
    """The Fréchet distance of the images of each value; None where a side has too few.

    Args:
      fakes: features, `[N, D]`.
      fake_labels: values of one attribute, int64 `[N]`, -1 where none is given.
      reals: features, `[M, D]`.
      real_labels: int64 `[M]`.
      count: number of values.
    """
    distances: list[float | None] = []
    for value in range(count):
        sides = fakes[fake_labels == value], reals[real_labels == value]
        enough = min(map(len, sides)) >= FEWEST_OF_VALUE
        distances.append(metrics.frechet_distance(*sides) if enough else None)
    return distances


class PixelMetrics:
    """Metrics of uint8 images without a network, in the test images' principal components.

    They respond to what classifiers ignore, such as brightness and sharpness, but hardly to faint
    noise, which is not in the first components. Images of many pixels are reduced first.
    """

    def __init__(self, test: np.ndarray, train: np.ndarray, rows: np.ndarray | None = None) -> None:
        """Computes the components once, for any number of fakes.

        Args:
          test: uint8 `[M, height, width, channels]`.
          train: the training images, of the same shape.
          rows: of the test images, that are compared; None: all.
        """
        rows = np.arange(len(test)) if rows is None else rows
        self._space = None
        self._factor = _reduction(test.shape[1:])
        if len(rows) <= COMPONENTS:
            log.warning(
                "evaluation: no metrics of pixels, as %d test images are too few: %d are needed",
                *(len(rows), COMPONENTS + 1),
            )
            return
        blocks = feature_arrays.blocks(len(rows), test[0].size)
        reduced = np.concatenate([_reduced(test[rows[block]], self._factor) for block in blocks])
        self._space = pixel_space.principal_components(reduced, COMPONENTS)
        self._test = self._space.project(reduced)
        self._train = self._project(train)

    def __call__(self, fakes: np.ndarray) -> dict[str, float | None]:
        """The metrics by name; each is None where it cannot be computed, which is logged."""
        if self._space is None:
            return {"pixel_frechet_distance": None, "neighbour_distance_ratio": None}
        activity.part("comparing pixels")
        projected = self._project(fakes)
        return {
            "pixel_frechet_distance": metrics.frechet_distance(projected, self._test),
            "neighbour_distance_ratio": self._ratio(projected),
        }

    def _ratio(self, projected: np.ndarray) -> float | None:
        try:
            return neighbours.neighbour_distance_ratio(projected, self._train, self._held_out)
        except ValueError as error:
            log.warning("evaluation: no neighbour_distance_ratio: %s", error)
            return None

    @functools.cached_property
    def _held_out(self) -> float:
        return neighbours.held_out_distance(self._test, self._train)

    def _project(self, images: np.ndarray) -> np.ndarray:
        assert self._space is not None
        blocks = feature_arrays.blocks(len(images), images[0].size)
        parts = [self._space.project(_reduced(images[rows], self._factor)) for rows in blocks]
        return np.concatenate(parts)


def _reduction(shape: tuple[int, ...]) -> int:
    """The least power of two by which sides are divided to at most MAX_PIXELS."""
    factor = 1
    while math.prod(shape) // factor**2 > MAX_PIXELS:
        factor *= 2
    return factor


def _reduced(images: np.ndarray, factor: int) -> np.ndarray:
    """Images with each square of pixels averaged; what is left over at the edges is cut off."""
    if factor == 1:
        return images
    count, height, width, channels = images.shape
    rows, columns = height // factor, width // factor
    squares = images[:, : rows * factor, : columns * factor].reshape(
        count, rows, factor, columns, factor, channels
    )
    return np.rint(squares.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)
