"""Pixels: bytes on the host and the device, floats in [lowest, 1] in the networks.

`lowest` is -1 or 0, as the architecture wants it, and is black.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def to_floats(images: tf.Tensor, lowest: float) -> tf.Tensor:
    """uint8 of any shape to float32 in [lowest, 1]."""
    return tf.cast(images, tf.float32) * ((1.0 - lowest) / 255.0) + lowest


def to_bytes(images: np.ndarray, lowest: float) -> np.ndarray:
    """Floats in [lowest, 1] of any shape to uint8, rounded and clipped."""
    scaled = (np.asarray(images, np.float32) - lowest) * (255.0 / (1.0 - lowest))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
