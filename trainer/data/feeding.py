"""Feeds examples to the devices: the complete set is kept there, or batches are sent as needed."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from trainer.data import reading

# Larger sets stay on the host: on a small GPU they would leave too little memory for the networks.
RESIDENT_BYTES = 2 * 2**30
LOOP_BYTES = 2**28  # that are sent at once; as much may be read ahead meanwhile
COPIED_BYTES = 2**24  # at once, into a copy in a processor's memory

# uint8 [rows, height, width, channels], int32 [rows, attributes]
Uint8Batch = tuple[tf.Tensor, tf.Tensor]


class Resident:
    """A copy of the data set on each GPU, or one for all processors; the host sends indices.

    The copies are plain local variables, created outside any strategy's scope: MultiWorker cannot
    broadcast uint8, and a mirrored read would become GatherV2, which has no uint8 kernel on GPUs.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, devices: Sequence[str]) -> None:
        """Copies the examples.

        Raises:
          OSError: they cannot be read from their file, for a processor.
          RefusedError: the same.
        """
        self.examples = len(images)
        # Virtual devices have one memory.
        self._places = devices if "GPU" in devices[0] else devices[:1]
        self._copies = []
        for place in self._places:
            with tf.device(place):
                copy = _on_gpu(images) if "GPU" in place else _in_memory(images)
                self._copies.append((copy, tf.Variable(labels.astype(np.int32), trainable=False)))

    def signature(self, batch: int) -> list[tf.TensorSpec]:
        """The signature of what `send` returns for `[steps, batch]` rows."""
        return [tf.TensorSpec([None, batch], tf.int32)]

    def send(self, rows: np.ndarray) -> list[tf.Tensor]:
        """The indices themselves: int32 `[steps, batch]` rows of the data set."""
        return [tf.constant(rows)]

    def read_ahead(self, coming: Callable[[int], np.ndarray]) -> None:
        """All are on the devices."""

    def most_steps(self, batch: int) -> int:
        """Steps of `batch` images whose examples may be sent at once: any number."""
        del batch
        return sys.maxsize

    def fetch(self, sent: Sequence[tf.Tensor], replica: int) -> Uint8Batch:
        """A replica's examples, given its part of what was sent for a step."""
        (rows,) = sent
        # Replicas are numbered over all machines, each of which has the same number of devices.
        number = replica % len(self._copies)
        images, labels = self._copies[number]
        with tf.device(self._places[number]):
            return images.sparse_read(rows), labels.sparse_read(rows)


def _on_gpu(images: np.ndarray) -> tf.Variable:
    return tf.Variable(images, trainable=False)


def _in_memory(images: np.ndarray) -> tf.Variable:
    """A copy that takes its own bytes and a piece's: made as a whole, it takes three times as many.

    For pieces, TensorFlow has no kernel of bytes on GPUs.
    """
    read = reading.reader(images)
    copy = tf.Variable(tf.raw_ops.Empty(shape=images.shape, dtype=tf.uint8), trainable=False)
    rows_at_once = max(1, COPIED_BYTES // math.prod(images.shape[1:]))
    for first in range(0, len(images), rows_at_once):
        rows = np.arange(first, min(first + rows_at_once, len(images)), dtype=np.int32)
        # A slice's assignment would first copy the whole.
        tf.raw_ops.ResourceScatterUpdate(resource=copy.handle, indices=rows, updates=read(rows))
    return copy


class Streamed:
    """A data set that stays on the host, which sends the examples before each loop of steps."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.examples = len(images)
        self._shape = images.shape[1:]
        self._images = reading.ReadAhead(reading.reader(images))
        self._labels = labels.astype(np.int32)
        self._longest = 0  # steps that were sent at once

    def signature(self, batch: int) -> list[tf.TensorSpec]:
        """The signature of what `send` returns for `[steps, batch]` rows."""
        return [
            tf.TensorSpec([None, batch, *self._shape], tf.uint8),
            tf.TensorSpec([None, batch, self._labels.shape[1]], tf.int32),
        ]

    def send(self, rows: np.ndarray) -> list[tf.Tensor]:
        """The examples of int32 `[steps, batch]` rows of the data set.

        Raises:
          OSError: they cannot be read.
          RefusedError: the same.
        """
        self._longest = max(self._longest, len(rows))
        return [tf.constant(self._images.take(rows)), tf.constant(self._labels[rows])]

    def read_ahead(self, coming: Callable[[int], np.ndarray]) -> None:
        """Reads the images of the steps that come next, while the devices compute.

        Args:
          coming: (steps) -> their rows, or those of fewer that are left.
        """
        steps = self._longest  # what is not needed at once stays for the loop after
        self._images.start(lambda: coming(steps))

    def most_steps(self, batch: int) -> int:
        """Steps of `batch` images whose examples may be sent at once."""
        return max(1, LOOP_BYTES // (batch * math.prod(self._shape)))

    def fetch(self, sent: Sequence[tf.Tensor], replica: int) -> Uint8Batch:
        """A replica's examples, given its part of what was sent for a step."""
        del replica
        images, labels = sent
        return images, labels


Feed = Resident | Streamed


def feed(images: np.ndarray, labels: np.ndarray, devices: Sequence[str]) -> Feed:
    """The data set kept on the devices, or streamed from the host if it is too large.

    Args:
      images: uint8 `[N, height, width, channels]`, possibly memory-mapped.
      labels: integers `[N, attributes]`.
      devices: of the replicas.
    """
    if images.nbytes <= RESIDENT_BYTES:
        return Resident(images, labels, devices)
    return Streamed(images, labels)
