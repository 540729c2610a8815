"""Real images against real images: each figure where it must be, spoilt images in their order.

Everything is judged against test images, as generated images are.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from trainer.data import DATASETS, loading
from trainer.evaluation import classifiers, metrics, neighbours, pixel_space

N = 1000
SPEC = DATASETS["fashion_mnist"]
TROUSERS = SPEC.class_names.index("trouser")


def noisy(images: np.ndarray, deviation: float) -> np.ndarray:
    """With normal noise; `deviation` in steps of a byte."""
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def blurred(images: np.ndarray, width: int = 5) -> np.ndarray:
    """Each pixel the mean of a square around it."""
    margin = width // 2
    padded = np.pad(images, [(0, 0), (margin, margin), (margin, margin), (0, 0)])
    squares = np.lib.stride_tricks.sliding_window_view(padded, (width, width), (1, 2))
    return np.rint(squares.mean(axis=(-2, -1))).astype(np.uint8)


@pytest.fixture(scope="module")
def sets(data_dir: Path) -> dict[str, np.ndarray]:
    """N images each, real or made from real ones."""
    train, labels = loading.load(SPEC, "train", data_dir)
    test, _ = loading.load(SPEC, "test", data_dir)
    return {
        "test": test[:N],
        "unseen": test[N : 2 * N],
        "train": train[:N],
        "slightly noisy": noisy(train[:N], 5),
        "noisy": noisy(train[:N], 80),
        "blurred": blurred(train[:N]),
        "dark": (train[:N] * 0.8).astype(np.uint8),
        "no trousers": train[labels != TROUSERS][:N],
        "duplicated": np.repeat(train[:50], N // 50, axis=0),
    }


@pytest.fixture(scope="module")
def features(sets: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: classifiers.features(images) for name, images in sets.items()}


@pytest.fixture(scope="module")
def near(features: dict[str, np.ndarray]) -> dict[str, neighbours.Neighbourhood]:
    return {name: neighbours.neighbourhood(of, features["test"]) for name, of in features.items()}


@pytest.fixture(scope="module")
def coordinates(sets: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """In the space of the test images' pixels."""
    space = pixel_space.principal_components(sets["test"])
    return {name: space.project(images) for name, images in sets.items()}


def assert_rising(figures: dict[str, float]) -> None:
    """Asserts that each figure is at least half as much again as the one before."""
    values = list(figures.values())
    assert all(low * 1.5 < high for low, high in itertools.pairwise(values)), figures


@pytest.mark.parametrize("spoilt", ["noisy", "blurred", "no trousers", "duplicated"])
def test_frechet_distance_rises_with_damage(features, spoilt):
    order = ["test", "train", "slightly noisy", spoilt]
    if spoilt in ("no trousers", "duplicated"):
        order.remove("slightly noisy")
    distances = {name: metrics.frechet_distance(features[name], features["test"]) for name in order}
    assert distances["test"] < 1e-6
    assert_rising(distances)


@pytest.mark.parametrize("spoilt", ["slightly noisy", "noisy", "blurred", "duplicated"])
def test_kernel_distance_rises_with_damage(features, spoilt):
    (floor, deviation), (damaged, _) = (
        metrics.kernel_distance(features[name], features["test"], 0, 10, N // 2)
        for name in ("train", spoilt)
    )
    assert abs(floor) < 2 * deviation
    assert damaged > 4 * deviation


def test_identical_sets_are_perfect_and_training_images_nearly(near):
    for figure in (
        neighbours.precision,
        neighbours.recall,
        neighbours.density,
        neighbours.coverage,
    ):
        assert figure(near["test"]) == 1
        assert figure(near["train"]) == pytest.approx(0.95, abs=0.05), figure.__name__


def test_a_class_left_out_is_not_recalled_but_what_remains_is_precise(near):
    whole, partial = near["train"], near["no trousers"]
    share = 0.1  # of trousers
    assert neighbours.coverage(partial) < neighbours.coverage(whole) - share / 2
    assert neighbours.recall(partial) < neighbours.recall(whole) - share / 2
    assert neighbours.precision(partial) == pytest.approx(neighbours.precision(whole), abs=0.02)


def test_a_class_left_out_is_named(sets):
    expected = metrics.class_shares(classifiers.classes(sets["test"]), len(SPEC.class_names))
    missing = {}
    for name in ("train", "no trousers"):
        shares = metrics.class_shares(classifiers.classes(sets[name]), len(SPEC.class_names))
        missing[name] = metrics.missing_classes(shares, expected)
    assert missing == {"train": [], "no trousers": [TROUSERS]}


def test_few_distinct_images_are_precise_and_neither_recall_nor_cover(near):
    assert neighbours.precision(near["duplicated"]) > 0.9
    assert neighbours.recall(near["duplicated"]) < 0.05
    assert neighbours.coverage(near["duplicated"]) < 0.4


@pytest.mark.parametrize("spoilt", ["noisy", "blurred"])
def test_noise_and_blur_are_not_precise(near, spoilt):
    for figure in (neighbours.precision, neighbours.density, neighbours.coverage):
        assert figure(near[spoilt]) < 0.9 * figure(near["slightly noisy"]), figure.__name__


def test_recall_and_coverage_fall_with_little_noise_already(near):
    for figure in (neighbours.recall, neighbours.coverage):
        assert figure(near["slightly noisy"]) < figure(near["train"]) - 0.02, figure.__name__


def test_pixels_show_what_is_dark_or_blurred_and_what_is_missing(coordinates):
    same, floor, *spoilt = [
        metrics.frechet_distance(coordinates[name], coordinates["test"])
        for name in ("test", "train", "dark", "blurred", "duplicated")
    ]
    assert same < 1e-9
    assert min(spoilt) > 1.5 * floor


def test_copies_of_training_images_are_found_and_unseen_ones_are_not_suspected(coordinates):
    ratios = {
        name: neighbours.neighbour_distance_ratio(
            coordinates[name], coordinates["test"], coordinates["train"]
        )
        for name in ("train", "slightly noisy", "unseen")
    }
    assert ratios["train"] == 0
    assert ratios["slightly noisy"] < 0.15
    assert ratios["unseen"] == pytest.approx(1, abs=0.1)
