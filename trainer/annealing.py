"""Quantities that fall during a run: learning rates and the weight of penalties."""

from __future__ import annotations

import math

import keras
import tensorflow as tf


def factor(schedule: str, final_factor: float, progress: tf.Tensor) -> tf.Tensor:
    """What is left of a quantity.

    Args:
      schedule: one of `choices.SCHEDULES`.
      final_factor: the share that is left at the end.
      progress: float32, the share of the horizon that has passed; beyond one nothing changes.

    Returns:
      float32, from 1 to `final_factor`.
    """
    return _SCHEDULES[schedule](final_factor, tf.clip_by_value(progress, 0.0, 1.0))


def _linear(final_factor: float, progress: tf.Tensor) -> tf.Tensor:
    return 1 + (final_factor - 1) * progress


def _cosine(final_factor: float, progress: tf.Tensor) -> tf.Tensor:
    """Half a cosine wave (Loshchilov and Hutter 2016, arXiv:1608.03983)."""
    return final_factor + (1 - final_factor) * (1 + tf.cos(math.pi * progress)) / 2


def _exponential(final_factor: float, progress: tf.Tensor) -> tf.Tensor:
    return tf.exp(math.log(final_factor) * progress)


_SCHEDULES = {
    "constant": lambda final_factor, progress: tf.ones_like(progress),
    "linear": _linear,
    "cosine": _cosine,
    "exponential": _exponential,
}


class FallingRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate as Keras's optimizers take it, a function of their count of updates."""

    def __init__(self, rate: float, schedule: str, final_factor: float, updates: int) -> None:
        """Falls from `rate` to its share of `final_factor` within so many updates."""
        self.rate = rate
        self.schedule = schedule
        self.final_factor = final_factor
        self.updates = updates

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The rate of the update after `step` others."""
        progress = tf.cast(step, tf.float32) / self.updates
        return self.rate * factor(self.schedule, self.final_factor, progress)

    def get_config(self) -> dict:
        """The arguments that make this schedule again."""
        return {
            "rate": self.rate,
            "schedule": self.schedule,
            "final_factor": self.final_factor,
            "updates": self.updates,
        }
