"""The schedules of learning rates and penalties."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.configuration import choices
from trainer.gan.schedules import decay_factor

PROGRESS = tf.constant([0.0, 0.25, 0.5, 1.0, 3.0])
EXPECTED = {
    "constant": [1, 1, 1, 1, 1],
    "linear": [1, 0.775, 0.55, 0.1, 0.1],
    "cosine": [1, 0.1 + 0.45 * (1 + np.sqrt(0.5)), 0.55, 0.1, 0.1],
    "exponential": [1, 0.1**0.25, 0.1**0.5, 0.1, 0.1],
}


@pytest.mark.parametrize("schedule", choices.SCHEDULES)
def test_a_schedule_decays_to_its_final_factor_at_the_horizon_and_stays_there(schedule):
    factors = decay_factor(schedule, 0.1, PROGRESS)
    np.testing.assert_allclose(factors, EXPECTED[schedule], rtol=1e-6)
