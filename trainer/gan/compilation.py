"""XLA: which parts of a step become compiled programs.

On one replica the whole step is one program. Between several, the parts between all-reduces are:
gradients, then updates; a network that normalises over the global batch communicates within its
passes, and is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import keras
import tensorflow as tf

from trainer.models.layers import BatchNormalization

Function = Callable[..., Any]


class Compiler(Protocol):
    """Makes a part of the step a program, or leaves it as it is."""

    def __call__(self, function: Function, *networks: keras.Model) -> Function:
        """The part to call.

        Args:
          function: of tensors, in a replica's context.
          networks: whose passes it contains.
        """
        ...


def not_compiled(function: Function, *networks: keras.Model) -> Function:
    """Leaves the part as it is."""
    del networks
    return function


def by_xla(function: Function, *networks: keras.Model) -> Function:
    """Compiles the part, unless it communicates with other replicas."""
    if any(communicates(network) for network in networks):
        return function
    return tf.function(function, jit_compile=True, autograph=False)


def communicates(network: keras.Model) -> bool:
    """Whether a pass through the network needs the other replicas' examples."""
    return any(isinstance(layer, BatchNormalization) for layer in network.layers)


def described(replicas: int, generator: keras.Model, discriminator: keras.Model) -> str:
    """What is compiled, for people."""
    if replicas == 1:
        return "the whole step"
    left = [network.name for network in (generator, discriminator) if communicates(network)]
    if not left:
        return "gradients and updates; between them, the replicas sum"
    return f"updates, and gradients except for the {' and the '.join(left)}'s batch normalisation"
