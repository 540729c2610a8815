"""Curves of losses: what is drawn of records, however many there are."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.monitoring import curves


def gaussian_means(values: np.ndarray, centres: np.ndarray) -> np.ndarray:
    distances = centres[:, None] - np.arange(len(values))
    weights = np.exp(-0.5 * (distances / (0.02 * len(values))) ** 2)
    weights[np.abs(distances) > np.ceil(0.06 * len(values))] = 0
    return weights @ values / weights.sum(axis=1)


@pytest.mark.parametrize(("records", "shown"), [(300, 300), (5000, 1000)])
def test_a_curve_is_smoothed_around_a_thousand_of_its_records_at_most(records, shown):
    values = np.random.default_rng(0).normal(size=records)

    centres, means = curves.smoothed(values)

    assert len(centres) == shown and (centres[0], centres[-1]) == (0, records - 1)
    np.testing.assert_allclose(means, gaussian_means(values, centres), rtol=1e-9)


def test_a_short_curve_is_drawn_as_it_is():
    values = np.arange(10.0)
    centres, means = curves.smoothed(values)
    np.testing.assert_array_equal(centres, np.arange(10))
    np.testing.assert_array_equal(means, values)
