"""Metrics from nearest neighbours, against other implementations and known values."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from prdc import compute_prdc

from trainer.evaluation import feature_arrays, neighbours

RNG = np.random.default_rng(0)
FAKES = RNG.normal(1, 1, (300, 6))
REALS = RNG.normal(0, 1, (400, 6))
METRICS = (neighbours.precision, neighbours.recall, neighbours.density, neighbours.coverage)


def measure(fakes: np.ndarray, reals: np.ndarray, k: int = 5) -> dict[str, float]:
    overlap = neighbours.manifold_overlap(fakes, reals, k)
    return {metric.__name__: metric(overlap) for metric in METRICS}


@pytest.fixture(params=[4_000_000, 5_000, 1], ids=["at_once", "in_blocks", "row_by_row"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances are computed in blocks of this size."""
    monkeypatch.setattr(feature_arrays, "_BLOCK_ELEMENTS", request.param)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("k", [1, 5, 12])
def test_metrics_are_those_of_prdc(k):
    expected = compute_prdc(REALS, FAKES, k)
    assert all(0.01 < value < 0.99 for value in expected.values())
    assert measure(FAKES, REALS, k) == pytest.approx(expected, abs=1e-12)


def test_metrics_of_equal_sets_are_one():
    equal = dict.fromkeys(("precision", "recall", "density", "coverage"), 1.0)
    assert measure(REALS, REALS) == equal
    assert measure(REALS[::-1].astype(np.float32), REALS.astype(np.float32)) == equal


def test_metrics_do_not_depend_on_the_origin():
    assert measure(FAKES + 1e6, REALS + 1e6) == measure(FAKES, REALS)


def test_metrics_of_sets_far_apart_are_zero():
    assert set(measure(FAKES + 100, REALS).values()) == {0.0}


def test_few_distinct_fakes_have_precision_but_no_recall():
    copies = np.repeat(REALS[:10], 30, axis=0)
    values = measure(copies, REALS)
    assert values["precision"] == 1
    assert values["recall"] == 0  # balls of radius zero contain nothing
    assert values["coverage"] < 0.2


def test_outlying_fakes_raise_recall_but_not_coverage():
    outliers = np.vstack([REALS[:50], 50 * RNG.normal(size=(50, 6))])
    values = measure(outliers, REALS)
    assert values["precision"] == 0.5
    assert values["recall"] > 0.95
    assert values["coverage"] < 0.7


@pytest.mark.parametrize("origin", [0.0, 1000.0])
def test_a_neighbour_at_the_radius_lies_outside(origin):
    reals = origin + np.array([[0.0], [0.25], [0.5], [0.75]])
    outside, inside = origin + np.array([[1.0], [1.75]]), origin + np.array([[0.875], [0.8]])
    assert measure(outside, reals, 1) == {
        "precision": 0.0,
        "recall": 0.5,  # the last two: the fakes are 0.75 apart
        "density": 0.0,
        "coverage": 0.0,
    }
    assert measure(inside, reals, 1)["density"] == 1.0


@pytest.mark.parametrize(
    ("fakes", "reals", "k", "message"),
    [
        (FAKES[:5], REALS, 5, "fakes: at least 6 examples are needed, not 5"),
        (FAKES, REALS[:2], 2, "reals: at least 3 examples are needed, not 2"),
        (FAKES, REALS, 0, "k must be at least 1"),
        (FAKES[:, :2], REALS, 5, "one D"),
    ],
)
def test_too_few_examples_are_an_error(fakes, reals, k, message):
    with pytest.raises(ValueError, match=message):
        neighbours.manifold_overlap(fakes, reals, k)


def test_distances_are_never_in_memory_all_at_once(monkeypatch):
    monkeypatch.setattr(feature_arrays, "_BLOCK_ELEMENTS", 100_000)  # 0.8 MB
    many = RNG.normal(size=(1500, 4))  # all distances: 18 MB
    tracemalloc.start()
    try:
        neighbours.manifold_overlap(many, many)
        distance_ratio(many, many + 1, many)
        assert tracemalloc.get_traced_memory()[1] < 3e6
    finally:
        tracemalloc.stop()


def distance_ratio(fakes: np.ndarray, held_out: np.ndarray, training: np.ndarray) -> float:
    of_reals = neighbours.held_out_distance(held_out, training)
    return neighbours.neighbour_distance_ratio(fakes, training, of_reals)


def median_distance_to_nearest(examples: np.ndarray, others: np.ndarray) -> float:
    return float(np.median([min(np.linalg.norm(x - y) for y in others) for x in examples]))


@pytest.mark.usefixtures("blocks")
def test_neighbour_distance_ratio_agrees_with_its_definition():
    held_out, training = REALS[:51], REALS[51:150]
    expected = median_distance_to_nearest(FAKES[:40], training) / median_distance_to_nearest(
        held_out, training
    )
    ratio = distance_ratio(FAKES[:40], held_out, training)
    assert ratio == pytest.approx(expected, rel=1e-12)


def test_neighbour_distance_ratio_tells_copies_from_unseen_examples():
    training, held_out, unseen = np.split(RNG.normal(size=(1500, 6)), 3)
    near_copies = training + 0.01 * RNG.normal(size=training.shape)
    assert distance_ratio(training[:100], held_out, training) == 0
    assert distance_ratio(near_copies, held_out, training) < 0.1
    ratio = distance_ratio(unseen, held_out, training)
    assert ratio == pytest.approx(1, abs=0.1)
    assert distance_ratio(3 * unseen, held_out, training) > 2


def test_held_out_examples_must_not_be_trained_on():
    with pytest.raises(ValueError, match="half of the held-out examples"):
        neighbours.held_out_distance(REALS[:10], REALS)


def test_many_training_examples_are_searched_some_at_a_time(monkeypatch):
    whole = distance_ratio(FAKES, REALS[:20], REALS[20:])
    monkeypatch.setattr(neighbours, "_OTHERS", 7)
    assert distance_ratio(FAKES, REALS[:20], REALS[20:]) == pytest.approx(whole, rel=1e-12)
    assert distance_ratio(REALS[25:26], REALS[:20], REALS[20:]) == 0
