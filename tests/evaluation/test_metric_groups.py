"""Pixel metrics, against scikit-learn's principal components."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from trainer.evaluation import metric_groups, metrics, neighbours
from trainer.evaluation.metric_groups import PixelMetrics, frechet_by_value


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
    ratio = neighbours.neighbour_distance_ratio(
        projected_fakes,
        projected_train,
        neighbours.held_out_distance(projected_test, projected_train),
    )
    assert values["pixel_frechet_distance"] == pytest.approx(distance, rel=1e-9)
    assert values["neighbour_distance_ratio"] == pytest.approx(ratio, rel=1e-9)


def test_images_of_many_pixels_are_reduced_by_averages_of_squares(monkeypatch):
    monkeypatch.setattr(metric_groups, "MAX_PIXELS", 8 * 8 * 3)
    small = random_images(70, 8, 8, 3), random_images(90, 8, 8, 3), random_images(80, 8, 8, 3)
    test, train, fakes = (images.repeat(4, axis=1).repeat(4, axis=2) for images in small)

    values = PixelMetrics(test, train)(fakes)

    assert values == PixelMetrics(*small[:2])(small[2])


def test_test_images_are_those_that_are_asked_for():
    test, train = random_images(150, 8, 8, 1), random_images(90, 8, 8, 1)
    fakes, rows = random_images(80, 8, 8, 1), np.arange(3, 140, 2)

    values = PixelMetrics(test, train, rows)(fakes)

    assert values == PixelMetrics(test[rows], train)(fakes)


def test_metrics_that_too_few_images_do_not_allow_are_none_and_said(caplog):
    images = random_images(64, 8, 9, 1)

    values = PixelMetrics(images, images)(images)

    assert values == {"pixel_frechet_distance": None, "neighbour_distance_ratio": None}
    assert "64 test images are too few: 65 are needed" in caplog.text


def test_a_ratio_of_distances_is_none_where_test_images_are_training_images(caplog):
    images = random_images(70, 8, 9, 1)

    values = PixelMetrics(images, images)(images // 2)

    assert values["pixel_frechet_distance"] > 0 and values["neighbour_distance_ratio"] is None
    assert "held-out examples are training examples" in caplog.text


def test_distances_by_value_need_enough_images_on_both_sides():
    features = np.random.default_rng(0).normal(size=(200, 4))
    labels = np.repeat([0, 1, -1], [60, 49, 91])
    swapped = np.repeat([1, 0, 2], [60, 50, 90])

    first, second, third = frechet_by_value(features, labels, features, swapped, 3)

    assert first == metrics.frechet_distance(features[:60], features[60:110])
    assert (second, third) == (None, None)


def test_accuracy_counts_where_a_label_was_given():
    predicted = np.array([0, 1, 1, 0])

    assert metric_groups.accuracy(predicted, np.array([0, -1, 0, -1])) == 0.5
    assert metric_groups.accuracy(predicted, np.full(4, -1)) is None
    assert metric_groups.accuracy(predicted, None) is None
