"""Pixels: uint8 on the host and the device, floats in [pixel_min, 1] in the networks.

`pixel_min`, which is black, is -1 or 0, depending on the architecture.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def to_floats(images: tf.Tensor, pixel_min: float) -> tf.Tensor:
    """uint8 of any shape to float32 in [pixel_min, 1]."""
    return tf.cast(images, tf.float32) * ((1.0 - pixel_min) / 255.0) + pixel_min


def to_bytes(images: np.ndarray, pixel_min: float) -> np.ndarray:
    """Floats in [pixel_min, 1] of any shape to uint8, rounded and clipped."""
    scaled = (np.asarray(images, np.float32) - pixel_min) * (255.0 / (1.0 - pixel_min))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
