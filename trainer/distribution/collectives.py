"""What the workers of a run tell one another: by all-reduce, so all of them must take part."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from trainer.system.exits import RefusedError

Variables = Mapping[str, tf.Variable]


class WorkerGroup:
    """The workers of a run; each method is a collective operation, which every worker must call.

    Values travel as int32 words in a sum to which all workers but one add zeros, so that bits
    arrive as they were sent.
    """

    def __init__(self, strategy: tf.distribute.Strategy, index: int, workers: int) -> None:
        """Of `workers` workers this process is number `index`; the first is the chief."""
        self.strategy = strategy
        self._index = index
        self._workers = workers
        replicas_here = strategy.num_replicas_in_sync // workers

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False)
        def all_reduce(words: tf.Tensor) -> tf.Tensor:
            def replica_sum() -> tf.Tensor:
                context = tf.distribute.get_replica_context()
                replica = int(tf.get_static_value(context.replica_id_in_sync_group))
                own = tf.identity(words) if replica % replicas_here == 0 else tf.zeros_like(words)
                return context.all_reduce(tf.distribute.ReduceOp.SUM, own)

            return strategy.experimental_local_results(strategy.run(replica_sum))[0]

        self._all_reduce = all_reduce

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the run directory."""
        return self._index == 0

    def all_gather(self, *values: int) -> np.ndarray:
        """The values of each worker: int64 `[workers, len(values)]`."""
        gathered = np.zeros((self._workers, len(values)), np.int64)
        gathered[self._index] = values
        if self._workers == 1:
            return gathered
        words = self._sum(gathered.view(np.int32).ravel())
        return words.view(np.int64).reshape(gathered.shape)

    def barrier(self) -> None:
        """Returns when all workers have come here."""
        self.all_gather(0)  # of nothing at all TensorFlow's sum crashes

    def agree_on_steps(self, steps: int) -> int:
        """The length of the next loop: the chief's, or 0 if any worker's is."""
        gathered = self.all_gather(steps)[:, 0]
        return int(gathered[0]) if gathered.all() else 0

    def broadcast_number(self, number: int) -> int:
        """The chief's; that of the others does not count."""
        return int(self.all_gather(number)[0, 0])

    def broadcast_flag(self, flag: bool) -> bool:
        """The same of a flag."""
        return bool(self.broadcast_number(flag))

    def broadcast_bytes(self, content: bytes) -> bytes:
        """The chief's; that of the others does not count."""
        if self._workers == 1:
            return content
        length = int(self.all_gather(len(content))[0, 0])
        own = content if self.is_chief else bytes(length)
        words = np.frombuffer(own + bytes(-length % 4), np.int32)
        return self._sum(words).tobytes()[:length]

    def broadcast_variables(self, variables: Variables) -> None:
        """Assigns the chief's values, bit for bit, on all other workers."""
        if self._workers == 1:
            return
        values = {name: variable.numpy() for name, variable in variables.items()}
        received = self.broadcast_bytes(b"".join(value.tobytes() for value in values.values()))
        if self.is_chief:
            return
        start = 0
        for name, value in values.items():
            part = received[start : start + value.nbytes]
            variables[name].assign(np.frombuffer(part, value.dtype).reshape(value.shape))
            start += value.nbytes

    def check_equal(self, what: str, checksum: int) -> None:
        """Refuses to go on where workers differ.

        Raises:
          RefusedError: with the numbers of the workers that differ from the chief.
        """
        gathered = self.all_gather(checksum)[:, 0]
        others = [str(index) for index in np.flatnonzero(gathered != gathered[0])]
        if others:
            raise RefusedError(
                f"{what} of worker {', '.join(others)} differs from the chief's: start all workers "
                "with the same flags, data and versions"
            )

    def _sum(self, words: np.ndarray) -> np.ndarray:
        return self._all_reduce(tf.constant(words)).numpy()


def checksum(variables: Variables) -> int:
    """A number that differs where any bit of the variables does, as far as 32 bits can tell."""
    total = 0
    for name, variable in variables.items():
        total = zlib.crc32(variable.numpy().tobytes(), zlib.crc32(name.encode(), total))
    return total
