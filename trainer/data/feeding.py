"""How examples get to the devices: they lie there whole, or are sent as they are needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# Beyond this a set stays on the host: it would crowd out the networks on a small GPU.
RESIDENT_BYTES = 2 * 2**30

Examples = tuple[tf.Tensor, tf.Tensor]  # uint8 [rows, height, width, channels], int32 [rows]


class Resident:
    """A copy of the data set on each device; the host sends indices.

    Plain local variables, made outside any strategy's scope: a MultiWorker broadcast has no
    uint8, and a mirrored read would become GatherV2, which has no uint8 kernel on a GPU.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, devices: Sequence[str]) -> None:
        self.examples = len(images)
        self._copies = []
        for device in devices:
            with tf.device(device):
                copy = tf.Variable(images, trainable=False)
                self._copies.append((copy, tf.Variable(labels.astype(np.int32), trainable=False)))

    def signature(self, batch: int) -> list[tf.TensorSpec]:
        """Of what `send` gives for `[steps, batch]`."""
        return [tf.TensorSpec([None, batch], tf.int32)]

    def send(self, rows: np.ndarray) -> list[tf.Tensor]:
        """What the device needs for int32 `[steps, batch]` rows of the data set."""
        return [tf.constant(rows)]

    def fetch(self, sent: Sequence[tf.Tensor], replica: int) -> Examples:
        """A replica's examples from some rows of what was sent for a step."""
        (rows,) = sent
        # Devices of other machines are not ours, and each machine has as many of them.
        images, labels = self._copies[replica % len(self._copies)]
        return images.sparse_read(rows), labels.sparse_read(rows)


class Streamed:
    """A data set that stays on the host, which sends the examples of a loop before it."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.examples = len(images)
        self._images = images
        self._labels = labels.astype(np.int32)

    def signature(self, batch: int) -> list[tf.TensorSpec]:
        """Of what `send` gives for `[steps, batch]`."""
        shape = self._images.shape[1:]
        return [
            tf.TensorSpec([None, batch, *shape], tf.uint8),
            tf.TensorSpec([None, batch], tf.int32),
        ]

    def send(self, rows: np.ndarray) -> list[tf.Tensor]:
        """The examples of int32 `[steps, batch]` rows of the data set."""
        return [tf.constant(self._images[rows]), tf.constant(self._labels[rows])]

    def fetch(self, sent: Sequence[tf.Tensor], replica: int) -> Examples:
        """A replica's examples from some rows of what was sent for a step."""
        del replica
        images, labels = sent
        return images, labels


Feed = Resident | Streamed


def feed(images: np.ndarray, labels: np.ndarray, devices: Sequence[str]) -> Feed:
    """The data set on each device, or from the host where it is too large for that.

    Args:
      images: uint8 `[N, height, width, channels]`, possibly mapped from a file.
      labels: integers `[N]`.
      devices: where the replicas run.
    """
    if images.nbytes > RESIDENT_BYTES:
        return Streamed(images, labels)
    return Resident(images, labels, devices)
