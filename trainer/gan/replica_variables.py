"""Variables beside the networks, of which each replica has a copy, equal to all others."""

from __future__ import annotations

import tensorflow as tf


def local_variable(value: tf.Tensor) -> tf.Variable:
    """A variable outside of the networks, equal on all replicas."""
    return tf.Variable(
        value, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
    )


def assign(variable: tf.Variable, value: tf.Tensor) -> None:
    """Assigns this replica's copy, in its context, a value that is equal on all replicas.

    `variable.assign` would have the replicas meet, which a step compiled in whole cannot.
    """
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)
