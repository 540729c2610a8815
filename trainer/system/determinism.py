"""The same bits from the same step: what TensorFlow leaves to chance is settled here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import backprop


def enable() -> None:
    """Makes all that is computed from now on repeatable. Call before anything is traced.

    TensorFlow's own switch leaves one gap. `AddN` begins with the first of its terms that nobody
    else holds any more, which depends on how far other operations have come: a sum of three or
    more has one value or another, a rounding apart. Such sums are made of gradients where a
    tensor has several consumers, and by the graph's arithmetic optimizer of any `a + b + c`. So
    gradients are summed in pairs, from the first to the last (a sum of two has one value), and
    that optimizer is off.
    """
    tf.config.experimental.enable_op_determinism()
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    # There is no public way to say how a tape sums: its space of vectors is registered anew.
    space = backprop._default_vspace
    pywrap_tfe.TFE_Py_RegisterVSpace(space._replace(aggregate_fn=_sum_in_order))


def configure(threads: int) -> None:
    """Sets the threads of an operation, 0 for one a core, and enables it. Call before all else."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    enable()


def _sum_in_order(gradients: Sequence[Any]) -> Any:
    """The sum of what one tensor's consumers give, one after another; of slices, TensorFlow's."""
    if not all(isinstance(gradient, tf.Tensor) for gradient in gradients):
        return backprop._default_vspace.aggregate_fn(gradients)
    total, *others = gradients
    for gradient in others:
        total += gradient
    return total
