"""Schedules of learning rates and of the weight of penalties."""

from __future__ import annotations

import math

import tensorflow as tf


def decay_factor(schedule: str, final_factor: float, progress: tf.Tensor) -> tf.Tensor:
    """The factor by which a schedule multiplies a quantity.

    Args:
      schedule: one of `choices.SCHEDULES`.
      final_factor: the factor at the end.
      progress: float32, the fraction of the horizon that has passed; constant beyond one.

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
