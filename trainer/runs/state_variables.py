"""Variables by their names in a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from trainer.system.exits import RefusedError

State = Mapping[str, Mapping[str, tf.Variable]]  # part -> path -> variable
Tensors = dict[str, np.ndarray]  # part/path -> value


def assign(state: State, tensors: Tensors, source: str) -> None:
    """Assigns all variables of `state`, after all names and shapes have been checked.

    Raises:
      RefusedError: the tensors belong to other networks.
    """
    variables = dict(named_variables(state))
    parts = tuple(f"{part}/" for part in state)
    stored = {name for name in tensors if name.startswith(parts)}
    for name in sorted(variables.keys() ^ stored):
        raise RefusedError(
            f"{source} is from another network, or another version of fashion-gan: "
            f"{name} is on one side only"
        )
    for name, variable in variables.items():
        if tensors[name].shape != tuple(variable.shape):
            raise RefusedError(
                f"{source} is from another network: {name} has shape "
                f"{tensors[name].shape}, not {tuple(variable.shape)}"
            )
    for name, variable in variables.items():
        variable.assign(tensors[name])


def named_variables(state: State) -> Iterator[tuple[str, tf.Variable]]:
    """All variables with their names in a checkpoint, in the order of the state."""
    for part, variables in state.items():
        for path, variable in variables.items():
            yield f"{part}/{path}", variable
