"""Pixel metrics, against scikit-learn's principal components."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from trainer.evaluation import metrics, neighbours
from trainer.evaluation.metric_groups import PixelMetrics


def random_images(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, *shape), np.uint8)


def test_pixel_metrics_are_those_of_64_components():
    test, train = random_images(300, 9, 8, 1), random_images(250, 9, 8, 1)
    fakes = random_images(200, 9, 8, 1) // 2
    pca = PCA(64, svd_solver="full").fit(test.reshape(300, -1) / 255)
    projected_fakes, projected_test, projected_train = (
        pca.transform(images.reshape(len(images), -1) / 255) for images in (fakes, test, train)
    )

    values = PixelMetrics(test, train)(fakes)

    distance = metrics.frechet_distance(projected_fakes, projected_test)
    ratio = neighbours.neighbour_distance_ratio(projected_fakes, projected_test, projected_train)
    assert values["pixel_frechet_distance"] == pytest.approx(distance, rel=1e-9)
    assert values["neighbour_distance_ratio"] == pytest.approx(ratio, rel=1e-9)


def test_images_of_many_pixels_have_no_pixel_metrics():
    images = random_images(70, 64, 64, 3)

    values = PixelMetrics(images, images)(images)

    assert values == {"pixel_frechet_distance": None, "neighbour_distance_ratio": None}
