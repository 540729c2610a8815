"""Pixels: bytes on the host and the device, floats in [-1, 1] in the networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def to_floats(images: tf.Tensor) -> tf.Tensor:
    """uint8 of any shape to float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Floats in [-1, 1] of any shape to uint8, rounded and clipped."""
    return np.clip(np.rint(np.asarray(images, np.float32) * 127.5 + 127.5), 0, 255).astype(np.uint8)


def resident(images: np.ndarray, devices: Sequence[str]) -> list[tf.Variable]:
    """One copy of uint8 `images` on each device.

    Plain local variables, made outside any strategy's scope: a MultiWorker broadcast has no
    uint8, and a mirrored read would become GatherV2, which has no uint8 kernel on a GPU.
    """
    copies = []
    for device in devices:
        with tf.device(device):
            copies.append(tf.Variable(images, trainable=False))
    return copies


def gather(images: tf.Variable, rows: tf.Tensor) -> tf.Tensor:
    """Rows of a resident data set as floats: `[len(rows), height, width, channels]`."""
    return to_floats(images.sparse_read(rows))
