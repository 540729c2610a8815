"""The order of training examples: a function of the seed and the position only."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=2)
def permutation(seed: int, epoch: int, examples: int) -> np.ndarray:
    """The order of one epoch: int32 `[examples]`, from Philox keyed by seed and epoch."""
    key = np.array([seed, epoch], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key))
    return rng.permutation(examples).astype(np.int32)


def batches(seed: int, examples: int, batch_size: int, first_step: int, steps: int) -> np.ndarray:
    """The examples of some steps: int32 `[steps, batch_size]`, rows of the data set.

    Batches may span two epochs, so all have the same size and every example is used once per epoch.
    """
    first = first_step * batch_size
    positions = np.arange(first, first + steps * batch_size, dtype=np.int64)
    rows = np.empty(len(positions), np.int32)
    epochs = positions // examples
    for epoch in range(epochs[0], epochs[-1] + 1):
        in_epoch = epochs == epoch
        rows[in_epoch] = permutation(seed, epoch, examples)[positions[in_epoch] % examples]
    return rows.reshape(steps, batch_size)
