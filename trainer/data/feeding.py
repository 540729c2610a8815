"""Feeds examples to the devices: the complete set is kept there, or batches are sent as needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# Larger sets stay on the host: on a small GPU they would leave too little memory for the networks.
RESIDENT_BYTES = 2 * 2**30

# uint8 [rows, height, width, channels], int32 [rows, attributes]
Examples = tuple[tf.Tensor, tf.Tensor]


class Resident:
    """A copy of the data set on each device; the host sends indices.

    The copies are plain local variables, created outside any strategy's scope: MultiWorker cannot
    broadcast uint8, and a mirrored read would become GatherV2, which has no uint8 kernel on GPUs.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, devices: Sequence[str]) -> None:
        self.examples = len(images)
        self._copies = []
        for device in devices:
            with tf.device(device):
                copy = tf.Variable(images, trainable=False)
                self._copies.append((copy, tf.Variable(labels.astype(np.int32), trainable=False)))

    def signature(self, batch: int) -> list[tf.TensorSpec]:
        """The signature of what `send` returns for `[steps, batch]` rows."""
        return [tf.TensorSpec([None, batch], tf.int32)]

    def send(self, rows: np.ndarray) -> list[tf.Tensor]:
        """The indices themselves: int32 `[steps, batch]` rows of the data set."""
        return [tf.constant(rows)]

    def fetch(self, sent: Sequence[tf.Tensor], replica: int) -> Examples:
        """A replica's examples, given its part of what was sent for a step."""
        (rows,) = sent
        # Replicas are numbered over all machines, each of which has the same number of devices.
        images, labels = self._copies[replica % len(self._copies)]
        return images.sparse_read(rows), labels.sparse_read(rows)


class Streamed:
    """A data set that stays on the host, which sends the examples before each loop of steps."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.examples = len(images)
        self._images = images
        self._labels = labels.astype(np.int32)

    def signature(self, batch: int) -> list[tf.TensorSpec]:
        """The signature of what `send` returns for `[steps, batch]` rows."""
        shape = self._images.shape[1:]
        return [
            tf.TensorSpec([None, batch, *shape], tf.uint8),
            tf.TensorSpec([None, batch, self._labels.shape[1]], tf.int32),
        ]

    def send(self, rows: np.ndarray) -> list[tf.Tensor]:
        """The examples of int32 `[steps, batch]` rows of the data set."""
        return [tf.constant(self._images[rows]), tf.constant(self._labels[rows])]

    def fetch(self, sent: Sequence[tf.Tensor], replica: int) -> Examples:
        """A replica's examples, given its part of what was sent for a step."""
        del replica
        images, labels = sent
        return images, labels


Feed = Resident | Streamed


def feed(images: np.ndarray, labels: np.ndarray, devices: Sequence[str]) -> Feed:
    """The data set kept on each device, or streamed from the host if it is too large.

    Args:
      images: uint8 `[N, height, width, channels]`, possibly memory-mapped.
      labels: integers `[N, attributes]`.
      devices: of the replicas.
    """
    if images.nbytes > RESIDENT_BYTES:
        return Streamed(images, labels)
    return Resident(images, labels, devices)
