"""`keras.Model.fit` over a model whose `train_step` is the GAN's."""

from __future__ import annotations

import sys
import threading
from queue import SimpleQueue

import keras
import numpy as np
import tensorflow as tf

from scripts.benchmark.contenders import NOISE_DIM, Train, keras_networks


def prepare(
    images: np.ndarray, batch_size: int, precision: str, jit_compile: bool = False
) -> Train:
    """See the package. One `fit` runs throughout, and waits while nothing is asked."""
    model = _Adversaries(precision, batch_size)
    model.compile(jit_compile=jit_compile)
    gate = _Gate()

    def fit() -> None:
        try:
            batches = keras_networks.batches(images, batch_size)
            model.fit(batches, steps_per_epoch=sys.maxsize, verbose=0, callbacks=[gate])
        except Exception as error:
            gate.reached.put(error)

    threading.Thread(target=fit, daemon=True).start()

    def train(steps: int) -> float:
        gate.granted.put(steps)
        reached = gate.reached.get()
        if isinstance(reached, Exception):
            raise reached
        return reached

    return train


class _Gate(keras.callbacks.Callback):
    """Lets as many steps pass as are granted, and says when they are done."""

    def __init__(self) -> None:
        super().__init__()
        self.granted: SimpleQueue[int] = SimpleQueue()
        self.reached: SimpleQueue[float | Exception] = SimpleQueue()
        self._left = 0

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Waits for a grant."""
        if not self._left:
            self._left = self.granted.get()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Gives the loss of the last step of a grant."""
        self._left -= 1
        if not self._left:
            self.reached.put(float((logs or {})["loss"]))


class _Adversaries(keras.Model):
    """Generator and discriminator as one model."""

    def __init__(self, precision: str, batch_size: int) -> None:
        super().__init__()
        self.generator, self.discriminator = keras_networks.networks(precision)
        self._optimizers = keras_networks.optimizers()
        self._batch_size = batch_size

    def train_step(self, real: tf.Tensor) -> dict[str, tf.Tensor]:
        """One update of both."""
        latents = tf.random.normal([self._batch_size, NOISE_DIM])
        with tf.GradientTape(persistent=True) as tape:
            fakes = self.generator(latents, training=True)
            real_logits = self.discriminator(real, training=True)
            fake_logits = self.discriminator(fakes, training=True)
            losses = keras_networks.losses(real_logits, fake_logits)
        networks = (self.generator, self.discriminator)
        for network, optimizer, loss in zip(networks, self._optimizers, losses, strict=True):
            weights = network.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return {"loss": losses[0] + losses[1]}
