"""What falls during a run."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer import choices
from trainer.annealing import FallingRate, factor

PROGRESS = tf.constant([0.0, 0.25, 0.5, 1.0, 3.0])
EXPECTED = {
    "constant": [1, 1, 1, 1, 1],
    "linear": [1, 0.775, 0.55, 0.1, 0.1],
    "cosine": [1, 0.1 + 0.45 * (1 + np.sqrt(0.5)), 0.55, 0.1, 0.1],
    "exponential": [1, 0.1**0.25, 0.1**0.5, 0.1, 0.1],
}


@pytest.mark.parametrize("schedule", choices.SCHEDULES)
def test_a_schedule_falls_to_its_end_at_the_horizon_and_stays_there(schedule):
    left = factor(schedule, 0.1, PROGRESS)
    np.testing.assert_allclose(left, EXPECTED[schedule], rtol=1e-6)


def test_a_learning_rate_falls_with_the_updates():
    rate = FallingRate(2e-4, "linear", 0.25, updates=100)
    assert [float(rate(step)) for step in (0, 50, 100, 999)] == pytest.approx(
        [2e-4, 1.25e-4, 5e-5, 5e-5]
    )
    assert float(FallingRate.from_config(rate.get_config())(50)) == float(rate(50))
