"""A product of square matrices in TensorFlow: what the machine can do at best."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from scripts.benchmark.contenders import Train


def prepare(images: np.ndarray, batch_size: int, precision: str) -> Train:
    """As of the package, but a step is a product of two matrices `[batch_size] * 2`."""
    del images
    left, right = (
        tf.cast(tf.random.stateless_normal([batch_size] * 2, [0, number]), precision)
        for number in range(2)
    )

    def train(steps: int) -> float:
        for _ in range(steps):
            product = tf.matmul(left, right)
        return float(product[0, 0])

    return train
