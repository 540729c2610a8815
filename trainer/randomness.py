"""Random numbers that depend on (seed, stream, step, place in the global batch) and nothing else.

A draw belongs to a row of the global batch: Philox (Salmon et al. 2011) is counter-based, so a
replica starts its counter at its first row, and N replicas draw what one would have drawn.
"""

from __future__ import annotations

import dataclasses
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

_PHILOX = 1  # tf.random.Algorithm.PHILOX, the same on every device and under XLA
_WORDS_PER_COUNT = 4  # numbers that Philox gives for one value of its counter


@dataclasses.dataclass(frozen=True)
class Draws:
    """The random numbers of some successive rows of one step's global batch."""

    seed: int | tf.Tensor
    step: int | tf.Tensor
    first_row: int
    rows: int | tf.Tensor

    def normal(self, stream: str, size: int) -> tf.Tensor:
        """Standard normal numbers: float32 `[rows, size]`."""
        return self._draw(tf.raw_ops.StatelessRandomNormalV2, stream, size)

    def uniform(self, stream: str, size: int) -> tf.Tensor:
        """Numbers uniform in [0, 1): float32 `[rows, size]`."""
        return self._draw(tf.raw_ops.StatelessRandomUniformV2, stream, size)

    def chances(self, stream: str, size: int, probability: float) -> tf.Tensor:
        """Each true with a probability of at least 1/256: bool `[rows, size]`.

        Bytes are compared with one bound, which is itself rounded up or down by chance.
        """
        words = self._draw(_full_range, stream, -(-size // 4))
        bytes_drawn = tf.reshape(tf.bitcast(words, tf.uint8), [self.rows, -1])[:, :size]
        shared = dataclasses.replace(self, first_row=0, rows=1)
        bound = tf.floor((1 - probability) * 2**8 + shared.uniform(f"{stream}/bound", 1)[0, 0])
        return bytes_drawn >= tf.cast(tf.minimum(bound, 2**8 - 1), tf.uint8)

    def _draw(self, operation, stream: str, size: int) -> tf.Tensor:
        counts_per_row = -(-size // _WORDS_PER_COUNT)  # a row starts at a new count
        stream_seed = tf.cast(self.seed, tf.int64) * 2**32 + zlib.crc32(stream.encode())
        key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(
            seed=tf.stack([stream_seed, tf.cast(self.step, tf.int64)])
        )
        first_count = tf.constant([self.first_row * counts_per_row, 0], tf.uint64)
        shape = [self.rows, counts_per_row * _WORDS_PER_COUNT]
        numbers = operation(shape=shape, key=key, counter=counter + first_count, alg=_PHILOX)
        return numbers[:, :size]


def _full_range(**how) -> tf.Tensor:
    return tf.raw_ops.StatelessRandomUniformFullIntV2(dtype=tf.uint32, **how)


_scope = threading.local()  # a mirrored strategy traces its replicas in threads


@contextmanager
def drawing_from(draws: Draws, *calls: str) -> Iterator[None]:
    """Makes `draws` the source of the noise that layers add in this thread.

    Args:
      draws: where the numbers come from.
      calls: name this pass through a network, so that two passes get different noise; several
        where the rows of several passes are joined, one after the other.
    """
    outer = getattr(_scope, "source", None)
    _scope.source = (draws, calls)
    try:
        yield
    finally:
        _scope.source = outer


def chances_for_layer(layer_name: str, shape: tuple[int, ...], probability: float) -> tf.Tensor:
    """What a layer within `drawing_from` keeps: bool `[calls * rows, *shape]`.

    Raises:
      RuntimeError: outside of `drawing_from`.
    """
    source = getattr(_scope, "source", None)
    if source is None:
        raise RuntimeError(f"layer {layer_name} was called for training outside drawing_from")
    draws, calls = source
    size = int(tf.TensorShape(shape).num_elements())
    of_calls = [draws.chances(f"{call}/{layer_name}", size, probability) for call in calls]
    return tf.reshape(tf.concat(of_calls, axis=0), (len(calls) * draws.rows, *shape))
