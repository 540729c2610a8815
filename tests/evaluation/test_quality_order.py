"""Metrics of real and of damaged images: expected values, and worse values with more damage.

All sets are evaluated against test images, as generated images are.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from trainer.data import loading
from trainer.data.datasets import DATASETS
from trainer.evaluation import (
    metric_groups,
    metrics,
    neighbours,
    packaged_networks,
    pixel_space,
)

N = 1000
SPEC = DATASETS["fashion_mnist"]
TROUSERS = SPEC.attributes[0].values.index("trouser")


def noisy(images: np.ndarray, deviation: float) -> np.ndarray:
    """Adds normal noise; `deviation` in units of uint8 pixel values."""
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def blurred(images: np.ndarray, width: int = 5) -> np.ndarray:
    """Replaces each pixel by the mean of a square around it."""
    margin = width // 2
    padded = np.pad(images, [(0, 0), (margin, margin), (margin, margin), (0, 0)])
    squares = np.lib.stride_tricks.sliding_window_view(padded, (width, width), (1, 2))
    return np.rint(squares.mean(axis=(-2, -1))).astype(np.uint8)


@pytest.fixture(scope="module")
def sets(data_dir: Path) -> dict[str, np.ndarray]:
    """N images each, real or derived from real ones."""
    train, labels = loading.load(SPEC, "train", data_dir, data_dir)
    test, _ = loading.load(SPEC, "test", data_dir, data_dir)
    return {
        "test": test[:N],
        "unseen": test[N : 2 * N],
        "train": train[:N],
        "slightly noisy": noisy(train[:N], 5),
        "noisy": noisy(train[:N], 80),
        "blurred": blurred(train[:N]),
        "dark": (train[:N] * 0.8).astype(np.uint8),
        "no trousers": train[labels[:, 0] != TROUSERS][:N],
        "duplicated": np.repeat(train[:50], N // 50, axis=0),
    }


@pytest.fixture(scope="module")
def features(sets: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: packaged_networks.features(images) for name, images in sets.items()}


@pytest.fixture(scope="module")
def overlaps(features: dict[str, np.ndarray]) -> dict[str, neighbours.ManifoldOverlap]:
    return {
        name: neighbours.manifold_overlap(fakes, features["test"])
        for name, fakes in features.items()
    }


@pytest.fixture(scope="module")
def projections(sets: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Projections to the principal components of the test images."""
    space = pixel_space.principal_components(sets["test"], metric_groups.COMPONENTS)
    return {name: space.project(images) for name, images in sets.items()}


def assert_rising(distances: dict[str, float]) -> None:
    """Asserts that each distance is more than 1.5 times the one before."""
    values = list(distances.values())
    assert all(low * 1.5 < high for low, high in itertools.pairwise(values)), distances


@pytest.mark.parametrize("damage", ["noisy", "blurred", "no trousers", "duplicated"])
def test_frechet_distance_rises_with_damage(features, damage):
    order = ["test", "train", "slightly noisy", damage]
    if damage in ("no trousers", "duplicated"):
        order.remove("slightly noisy")
    distances = {name: metrics.frechet_distance(features[name], features["test"]) for name in order}
    assert distances["test"] < 1e-6
    assert_rising(distances)


@pytest.mark.parametrize("damage", ["slightly noisy", "noisy", "blurred", "duplicated"])
def test_kernel_distance_rises_with_damage(features, damage):
    (distance, deviation), (damaged_distance, _) = (
        metrics.kernel_distance(features[name], features["test"], 0, 10, N // 2)
        for name in ("train", damage)
    )
    assert abs(distance) < 2 * deviation
    assert damaged_distance > 4 * deviation


def test_identical_sets_are_perfect_and_training_images_nearly(overlaps):
    for metric in (
        neighbours.precision,
        neighbours.recall,
        neighbours.density,
        neighbours.coverage,
    ):
        assert metric(overlaps["test"]) == 1
        assert metric(overlaps["train"]) == pytest.approx(0.95, abs=0.05), metric.__name__


def test_a_missing_class_lowers_recall_and_coverage_but_not_precision(overlaps):
    complete, partial = overlaps["train"], overlaps["no trousers"]
    share = 0.1  # of trousers
    assert neighbours.coverage(partial) < neighbours.coverage(complete) - share / 2
    assert neighbours.recall(partial) < neighbours.recall(complete) - share / 2
    assert neighbours.precision(partial) == pytest.approx(neighbours.precision(complete), abs=0.02)


def test_a_missing_class_is_found(sets):
    real_shares = metrics.class_shares(
        packaged_networks.classes(sets["test"]), len(SPEC.attributes[0].values)
    )
    missing = {}
    for name in ("train", "no trousers"):
        shares = metrics.class_shares(
            packaged_networks.classes(sets[name]), len(SPEC.attributes[0].values)
        )
        missing[name] = metrics.missing_classes(shares, real_shares)
    assert missing == {"train": [], "no trousers": [TROUSERS]}


def test_few_distinct_images_have_precision_but_little_recall_and_coverage(overlaps):
    assert neighbours.precision(overlaps["duplicated"]) > 0.9
    assert neighbours.recall(overlaps["duplicated"]) < 0.05
    assert neighbours.coverage(overlaps["duplicated"]) < 0.4


@pytest.mark.parametrize("damage", ["noisy", "blurred"])
def test_noise_and_blur_lower_precision_density_and_coverage(overlaps, damage):
    for metric in (neighbours.precision, neighbours.density, neighbours.coverage):
        damaged, reference = metric(overlaps[damage]), metric(overlaps["slightly noisy"])
        assert damaged < 0.9 * reference, metric.__name__


def test_little_noise_lowers_recall_and_coverage(overlaps):
    for metric in (neighbours.recall, neighbours.coverage):
        noisy_value, train_value = metric(overlaps["slightly noisy"]), metric(overlaps["train"])
        assert noisy_value < train_value - 0.02, metric.__name__


def test_pixel_distance_rises_for_dark_blurred_and_duplicated_images(projections):
    of_test, of_train, *of_damaged = [
        metrics.frechet_distance(projections[name], projections["test"])
        for name in ("test", "train", "dark", "blurred", "duplicated")
    ]
    assert of_test < 1e-9
    assert min(of_damaged) > 1.5 * of_train


def test_neighbour_distance_ratio_tells_copies_from_unseen_images(projections):
    train = projections["train"]
    of_reals = neighbours.held_out_distance(projections["test"], train)
    ratios = {
        name: neighbours.neighbour_distance_ratio(projections[name], train, of_reals)
        for name in ("train", "slightly noisy", "unseen")
    }
    assert ratios["train"] == 0
    assert ratios["slightly noisy"] < 0.15
    assert ratios["unseen"] == pytest.approx(1, abs=0.1)
