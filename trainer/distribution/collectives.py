"""The workers of a run as one: what they agree on, and what the chief tells the others."""

from __future__ import annotations

import zlib

import numpy as np
import tensorflow as tf

from trainer.runs import checkpoints
from trainer.runs.checkpoints import State
from trainer.system.exits import RefusedError


class Group:
    """Speaks by all-reduce, so each call is a meeting that every worker must come to.

    Words are summed as int32, to which those that have nothing to say add zeros: bits arrive as
    they were sent.
    """

    def __init__(self, strategy: tf.distribute.Strategy, index: int, workers: int) -> None:
        """Of `workers` workers this is number `index`; the first is the chief."""
        self._index = index
        self._workers = workers
        replicas_here = strategy.num_replicas_in_sync // workers

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False)
        def total(words: tf.Tensor) -> tf.Tensor:
            def replica_total() -> tf.Tensor:
                context = tf.distribute.get_replica_context()
                place = int(tf.get_static_value(context.replica_id_in_sync_group))
                said = tf.identity(words) if place % replicas_here == 0 else tf.zeros_like(words)
                return context.all_reduce(tf.distribute.ReduceOp.SUM, said)

            return strategy.experimental_local_results(strategy.run(replica_total))[0]

        self._total = total

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the run directory."""
        return self._index == 0

    def gather(self, *values: int) -> np.ndarray:
        """What each worker said: int64 `[workers, len(values)]`."""
        said = np.zeros((self._workers, len(values)), np.int64)
        said[self._index] = values
        if self._workers == 1:
            return said
        return self._sum(said.view(np.int32).ravel()).view(np.int64).reshape(said.shape)

    def from_chief(self, *values: int) -> list[int]:
        """What the chief said; what others say does not count."""
        return [int(value) for value in self.gather(*values)[0]]

    def meet(self) -> None:
        """Returns when all workers have come here."""
        self.gather(0)  # of nothing at all TensorFlow's sum crashes

    def agree(self, steps: int) -> int:
        """The length of the next loop: the chief's, or 0 if any worker says so."""
        said = self.gather(steps)[:, 0]
        return int(said[0]) if said.all() else 0

    def spread(self, state: State) -> None:
        """Gives the chief's state to all, bit for bit."""
        if self._workers == 1:
            return
        values = {name: variable.numpy() for name, variable in checkpoints.named(state)}
        raw = b"".join(value.tobytes() for value in values.values())
        words = np.frombuffer(raw + bytes(-len(raw) % 4), np.int32)
        received = self._sum(words if self.is_chief else np.zeros_like(words)).tobytes()
        if self.is_chief:
            return
        tensors, start = {}, 0
        for name, value in values.items():
            part = received[start : start + value.nbytes]
            tensors[name] = np.frombuffer(part, value.dtype).reshape(value.shape)
            start += value.nbytes
        checkpoints.assign(state, tensors, "the chief's state")

    def check_same(self, what: str, number: int) -> None:
        """Refuses to go on where workers differ.

        Raises:
          RefusedError: with the numbers of those that differ from the chief.
        """
        said = self.gather(number)[:, 0]
        others = [str(index) for index in np.flatnonzero(said != said[0])]
        if others:
            raise RefusedError(
                f"{what} of worker {', '.join(others)} is not the chief's: start all workers with "
                "the same flags, data and versions"
            )

    def _sum(self, words: np.ndarray) -> np.ndarray:
        return self._total(tf.constant(words)).numpy()


def checksum(state: State) -> int:
    """A number that differs where any bit of the state does, as far as 32 bits can tell."""
    total = 0
    for name, variable in checkpoints.named(state):
        total = zlib.crc32(variable.numpy().tobytes(), zlib.crc32(name.encode(), total))
    return total
