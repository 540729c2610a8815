"""Random numbers that depend on (seed, stream, step, row of the global batch) and nothing else.

Philox (Salmon et al. 2011) is counter-based: a replica starts its counter at its first row, so N
replicas together draw the same numbers as one.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

_PHILOX = 1  # tf.random.Algorithm.PHILOX; its integers are the same on every device
_WORDS_PER_COUNT = 4  # numbers for one value of Philox's counter
_SCRAMBLING_KEY = 0x02461E29_3EC8F720  # with which TensorFlow makes a key of seeds


@dataclasses.dataclass(frozen=True)
class BatchRng:
    """The random numbers of successive rows of one step's global batch."""

    seed: int | tf.Tensor
    step: int | tf.Tensor
    first_row: int | tf.Tensor
    rows: int | tf.Tensor
    by_xla: bool = False  # whether XLA compiles the draws, which would make other numbers

    def normal(self, stream: str, size: int) -> tf.Tensor:
        """Standard normal numbers: float32 `[rows, size]`."""
        if self.by_xla:
            return self._draw(_normal_of_integers, stream, size)
        return self._draw(tf.raw_ops.StatelessRandomNormalV2, stream, size)

    def uniform(self, stream: str, size: int) -> tf.Tensor:
        """Numbers uniform in [0, 1): float32 `[rows, size]`."""
        if self.by_xla:
            return self._draw(_uniform_of_integers, stream, size)
        return self._draw(tf.raw_ops.StatelessRandomUniformV2, stream, size)

    def bernoulli(self, stream: str, size: int, probability: float) -> tf.Tensor:
        """Each true with this probability, of at least 1/256: bool `[rows, size]`.

        Random bytes are compared with one bound, which is rounded up or down at random.
        """
        words = self._draw(_full_range, stream, -(-size // 4))
        random_bytes = tf.reshape(tf.bitcast(words, tf.uint8), [self.rows, -1])[:, :size]
        first_row = dataclasses.replace(self, first_row=0, rows=1)
        bound = tf.floor((1 - probability) * 2**8 + first_row.uniform(f"{stream}/bound", 1)[0, 0])
        return random_bytes >= tf.cast(tf.minimum(bound, 2**8 - 1), tf.uint8)

    def _draw(self, operation, stream: str, size: int) -> tf.Tensor:
        counts_per_row = -(-size // _WORDS_PER_COUNT)  # a row starts at a new count
        stream_seed = tf.cast(self.seed, tf.int64) * 2**32 + zlib.crc32(stream.encode())
        seeds = tf.stack([stream_seed, tf.cast(self.step, tf.int64)])
        if self.by_xla:
            key, counter = _key_and_counter(seeds)
        else:
            key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seeds)
        first = tf.cast(self.first_row, tf.int64) * counts_per_row
        first_count = tf.cast(tf.stack([first, 0]), tf.uint64)
        shape = [self.rows, counts_per_row * _WORDS_PER_COUNT]
        numbers = operation(shape=shape, key=key, counter=counter + first_count, alg=_PHILOX)
        return numbers[:, :size]


def _key_and_counter(seeds: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """What TensorFlow's own kernel of StatelessRandomGetKeyCounter makes of two int64.

    XLA's takes the low words of them alone: all seeds of a run would draw the same numbers.
    """
    words = _full_range(
        shape=[4],
        key=tf.constant([_SCRAMBLING_KEY], tf.uint64),
        counter=tf.bitcast(seeds, tf.uint64),
        alg=_PHILOX,
    )
    halves = tf.bitcast(tf.reshape(words, [2, 2]), tf.uint64)
    return halves[:1], tf.concat([tf.zeros([1], tf.uint64), halves[1:]], axis=0)


def _full_range(**arguments) -> tf.Tensor:
    return tf.raw_ops.StatelessRandomUniformFullIntV2(dtype=tf.uint32, **arguments)


def _uniform_of_integers(**arguments) -> tf.Tensor:
    """What TensorFlow's own kernel makes of Philox's integers: their low bits as mantissas."""
    mantissas = tf.bitwise.bitwise_and(_full_range(**arguments), tf.constant(2**23 - 1, tf.uint32))
    ones = tf.bitwise.bitwise_or(mantissas, tf.constant(127 << 23, tf.uint32))
    return tf.bitcast(ones, tf.float32) - 1.0  # from [1, 2)


def _normal_of_integers(**arguments) -> tf.Tensor:
    """The same for normal numbers, two of two (Box and Muller 1958)."""
    pairs = tf.reshape(_uniform_of_integers(**arguments), [-1, 2])
    radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(pairs[:, :1], 1e-7)))
    angle = 2 * math.pi * pairs[:, 1:]
    normal = radius * tf.concat([tf.sin(angle), tf.cos(angle)], axis=1)
    return tf.reshape(normal, arguments["shape"])


_scope = threading.local()  # a mirrored strategy traces its replicas in threads


@contextmanager
def layers_draw_from(rng: BatchRng, *passes: str) -> Iterator[None]:
    """Makes `rng` the source of the random numbers of layers in this thread.

    Args:
      rng: the source.
      passes: name this pass through a network, so that two passes get different numbers; several
        where the rows of several passes are concatenated.
    """
    outer = getattr(_scope, "source", None)
    _scope.source = (rng, passes)
    try:
        yield
    finally:
        _scope.source = outer


def keep_mask(layer_name: str, shape: tuple[int, ...], probability: float) -> tf.Tensor:
    """The mask of a layer inside `layers_draw_from`: bool `[passes * rows, *shape]`.

    Raises:
      RuntimeError: outside of `layers_draw_from`.
    """
    source = getattr(_scope, "source", None)
    if source is None:
        raise RuntimeError(f"layer {layer_name} was called for training outside layers_draw_from")
    rng, passes = source
    size = int(tf.TensorShape(shape).num_elements())
    masks = [rng.bernoulli(f"{name}/{layer_name}", size, probability) for name in passes]
    return tf.reshape(tf.concat(masks, axis=0), (len(passes) * rng.rows, *shape))
