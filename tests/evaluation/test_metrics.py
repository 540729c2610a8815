"""Metrics of distributions and classes, against other implementations and known values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import linalg
from sklearn.metrics import pairwise

from trainer.evaluation import metrics

RNG = np.random.default_rng(0)
FAKES = RNG.normal(0.3, 1.5, (300, 16))
REALS = np.maximum(RNG.normal(0, 1, (400, 16)), 0)


def normalised(examples: int, dimensions: int) -> np.ndarray:
    """Random features whose mean is exactly zero and whose covariance is exactly one."""
    features = np.random.default_rng(1).normal(size=(examples, dimensions))
    features -= features.mean(axis=0)
    return features @ np.linalg.inv(np.linalg.cholesky(np.cov(features.T)).T)


def rotated_into(dimensions: int, features: np.ndarray) -> np.ndarray:
    """The same features in a space of more dimensions."""
    axes = np.linalg.qr(np.random.default_rng(2).normal(size=(dimensions, dimensions))).Q
    return features @ axes[: features.shape[1]]


def test_frechet_distance_agrees_with_a_matrix_square_root():
    fake_covariance, real_covariance = np.cov(FAKES.T), np.cov(REALS.T)
    shift = FAKES.mean(axis=0) - REALS.mean(axis=0)
    root = linalg.sqrtm(fake_covariance @ real_covariance).real
    expected = shift @ shift + np.trace(fake_covariance + real_covariance - 2 * root)
    assert metrics.frechet_distance(FAKES, REALS) == pytest.approx(expected, rel=1e-10)


def test_frechet_distance_of_gaussians_has_its_closed_form():
    features = normalised(200, 3)
    fakes = features * [1, 2, 3] + [5, 0, 0]
    reals = features * [2, 2, 1] + [1, 0, 3]
    expected = (4**2 + 3**2) + (1**2 + 0 + 2**2)
    assert metrics.frechet_distance(fakes, reals) == pytest.approx(expected, rel=1e-12)


def test_frechet_distance_of_covariances_without_full_rank():
    low_rank = rotated_into(64, FAKES[:, :8]), rotated_into(64, REALS[:, :8])
    expected = metrics.frechet_distance(FAKES[:, :8], REALS[:, :8])
    assert metrics.frechet_distance(*low_rank) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("examples", [(20, 20), (20, 400), (400, 20)])
def test_frechet_distance_of_fewer_examples_than_dimensions(examples):
    fakes, reals = (RNG.normal(size=(number, 50)) for number in examples)
    roots = [
        (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
        for features in (fakes, reals)
    ]
    nuclear_norm = np.linalg.norm(roots[0] @ roots[1].T, "nuc")  # equals the trace of the root
    shift = fakes.mean(axis=0) - reals.mean(axis=0)
    expected = shift @ shift + sum(np.sum(root**2) for root in roots) - 2 * nuclear_norm
    assert metrics.frechet_distance(fakes, reals) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("features", [REALS, REALS[:10], np.ones((5, 3)), REALS[:, :1]])
def test_frechet_distance_of_a_set_from_itself_is_zero_and_never_less(features):
    assert 0 <= metrics.frechet_distance(features, features[::-1]) < 1e-12


def test_frechet_distance_does_not_depend_on_the_type_of_the_features():
    fakes, reals = FAKES.astype(np.float32), REALS.astype(np.float32)
    in_float64 = metrics.frechet_distance(fakes.astype(np.float64), reals.astype(np.float64))
    assert metrics.frechet_distance(fakes, reals) == in_float64


def estimate(fakes: np.ndarray, reals: np.ndarray) -> float:
    """The unbiased estimate of the squared discrepancy, pair by pair."""

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (np.dot(x, y) / len(x) + 1) ** 3

    within_fakes = np.mean([kernel(x, y) for x, y in itertools.permutations(fakes, 2)])
    within_reals = np.mean([kernel(x, y) for x, y in itertools.permutations(reals, 2)])
    between = np.mean([kernel(x, y) for x in fakes for y in reals])
    return within_fakes + within_reals - 2 * between


def test_kernel_distance_of_complete_sets_agrees_with_its_definition():
    fakes, reals = FAKES[:40], REALS[:40]
    mean, deviation = metrics.kernel_distance(fakes, reals, seed=0, subsets=3)
    assert mean == pytest.approx(estimate(fakes, reals), rel=1e-10)
    assert deviation is None


def test_kernel_distance_has_the_polynomial_kernel_of_scikit_learn():
    within = [pairwise.polynomial_kernel(features) for features in (FAKES, REALS[:300])]
    between = pairwise.polynomial_kernel(FAKES, REALS[:300])
    pairs = 300 * 299
    expected = sum(k.sum() - np.trace(k) for k in within) / pairs - 2 * between.mean()
    mean, _ = metrics.kernel_distance(FAKES, REALS[:300], seed=0, subsets=1)
    assert mean == pytest.approx(expected, rel=1e-10)


def test_kernel_distance_draws_subsets_uniformly():
    fakes, reals = FAKES[:4], REALS[:5]
    all_estimates = [
        estimate(some_fakes, some_reals)
        for some_fakes in itertools.combinations(fakes, 2)
        for some_reals in itertools.combinations(reals, 2)
    ]
    mean, deviation = metrics.kernel_distance(fakes, reals, seed=0, subsets=4000, size=2)
    margin = 4 * np.std(all_estimates) / np.sqrt(4000)
    assert mean == pytest.approx(np.mean(all_estimates), abs=margin)
    assert deviation == pytest.approx(np.std(all_estimates), rel=0.1)


def test_kernel_distance_of_equal_distributions_is_zero_within_its_deviation():
    fakes, reals = RNG.normal(size=(2, 1000, 16))
    mean, deviation = metrics.kernel_distance(fakes, reals, seed=0, subsets=10, size=300)
    assert abs(mean) < 2 * deviation
    shifted, _ = metrics.kernel_distance(fakes + 0.2, reals, seed=0, subsets=10, size=300)
    assert shifted > 5 * deviation


def test_kernel_distance_is_a_function_of_its_seed():
    of_seed = [metrics.kernel_distance(FAKES, REALS, seed, 5, 100) for seed in (0, 0, 1)]
    assert of_seed[0] == of_seed[1] != of_seed[2]


@pytest.mark.parametrize(
    "metric", [metrics.frechet_distance, lambda *x: metrics.kernel_distance(*x, 0)]
)
@pytest.mark.parametrize(
    ("fakes", "reals", "message"),
    [
        (FAKES[:1], REALS, "fakes: at least 2 examples are needed, not 1"),
        (FAKES, REALS[:0], "reals: at least 2 examples are needed, not 0"),
        (FAKES[:, :3], REALS, "one D"),
        (FAKES[0], REALS[0], "one D"),
        (FAKES, np.full((3, 16), np.nan), "reals: features must be finite"),
    ],
)
def test_invalid_features_are_an_error(metric, fakes, reals, message):
    with pytest.raises(ValueError, match=message):
        metric(fakes, reals)


def test_shares_of_classes():
    shares = metrics.class_shares(np.array([0, 2, 2, 2]), 4)
    np.testing.assert_array_equal(shares, [0.25, 0, 0.75, 0])
    for classes in ([], [4], [-1]):
        with pytest.raises(ValueError, match="classes 0 to 3"):
            metrics.class_shares(np.array(classes, np.int64), 4)


def test_a_class_is_missing_below_a_tenth_of_its_share_among_real_images():
    real_shares = np.array([0.5, 0.3, 0.2, 0])
    assert metrics.missing_classes(np.array([0.96, 0.0299, 0.02, 0]), real_shares) == [1]
    assert metrics.missing_classes(real_shares, real_shares) == []
    assert metrics.missing_classes(np.array([0, 0, 0, 1.0]), real_shares) == [0, 1, 2]


def test_accuracy():
    assert metrics.accuracy(np.array([1, 2, 3, 3]), np.array([1, 2, 3, 4])) == 0.75
    for predicted, labels in (([1, 2], [1]), ([], [])):
        with pytest.raises(ValueError, match="one class"):
            metrics.accuracy(np.array(predicted), np.array(labels))
