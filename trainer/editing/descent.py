"""Values that make a loss small, a row of its own each: Adam's way, in one graph."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

_RAMP_UP, _RAMP_DOWN = 0.05, 0.25  # shares of the steps (Karras et al. 2019, arXiv:1912.04958)
_DECAY, _SQUARE_DECAY, _EPSILON = 0.9, 0.999, 1e-8  # Adam's

Loss = Callable[[tf.Tensor], tf.Tensor]  # of what is optimised, [N, ...], to [N]


def descended(start: tf.Tensor, loss: Loss, steps: int, rate: float) -> tf.Tensor:
    """Values of less loss, `[N, ...]`, by Adam (Kingma and Ba 2014, arXiv:1412.6980).

    Of each row the best on the way: no row is worse than it was.

    Args:
      start: `[N, ...]`.
      loss: of no row may depend on another.
      steps: in all; the rate rises at their beginning, and falls to nothing at their end.
      rate: the highest.
    """

    def body(step, values, mean, square, best, lowest):
        with tf.GradientTape() as tape:
            tape.watch(values)
            losses = loss(values)
        gradient = tape.gradient(losses, values)
        best, lowest = _better(values, losses, best, lowest)
        mean = _DECAY * mean + (1 - _DECAY) * gradient
        square = _SQUARE_DECAY * square + (1 - _SQUARE_DECAY) * tf.square(gradient)
        number = tf.cast(step, tf.float32) + 1
        ratio = (mean / (1 - _DECAY**number)) / (
            tf.sqrt(square / (1 - _SQUARE_DECAY**number)) + _EPSILON
        )
        values -= rate * _share_of_rate(number / steps) * ratio
        return step + 1, values, mean, square, best, lowest

    zeros = tf.zeros_like(start)
    nothing = tf.fill([tf.shape(start)[0]], np.float32(np.inf))
    variables = (tf.constant(0), start, zeros, zeros, start, nothing)
    _, values, _, _, best, lowest = tf.while_loop(lambda step, *_: step < steps, body, variables)
    return _better(values, loss(values), best, lowest)[0]


def _better(values: tf.Tensor, losses: tf.Tensor, best: tf.Tensor, lowest: tf.Tensor):
    """Of each row the values of the lower loss, and that loss."""
    is_better = tf.reshape(losses < lowest, [-1] + [1] * (len(values.shape) - 1))
    return tf.where(is_better, values, best), tf.minimum(losses, lowest)


def _share_of_rate(done: tf.Tensor) -> tf.Tensor:
    """A linear rise, then all of it, then half a cosine down to nothing."""
    down = tf.minimum(1.0, (1 - done) / _RAMP_DOWN)
    return (0.5 - 0.5 * tf.cos(math.pi * down)) * tf.minimum(1.0, done / _RAMP_UP)
