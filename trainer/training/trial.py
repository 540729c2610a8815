"""A state that trains without a run directory: to see what a step takes, or what it gives."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from trainer.configuration import config
from trainer.configuration.config import Recipe
from trainer.data import feeding
from trainer.gan.multi_step_graph import make_train_steps
from trainer.gan.state import FashionGAN

HORIZON = 10**6  # steps, so far off that schedules stand still


class Trial:
    """The untrained state of a recipe, its examples, and the graph of its steps."""

    def __init__(
        self,
        recipe: Recipe,
        strategy: tf.distribute.Strategy,
        images: np.ndarray,
        labels: np.ndarray,
        jit_compile: bool = False,
        horizon: int = HORIZON,
    ) -> None:
        """Makes them; the graph is traced by the first steps.

        Args:
          recipe: its precision is decided.
          strategy: where the replicas run.
          images: uint8 `[N, height, width, channels]`.
          labels: integers `[N, attributes]`.
          jit_compile: whether XLA compiles the step.
          horizon: the step at which schedules end.
        """
        with strategy.scope():
            self.gan = FashionGAN(recipe, horizon)
        self.images_a_step = config.images_a_step(recipe)
        self._feed = feeding.feed(images, labels, strategy.extended.worker_devices)
        self._train_steps = make_train_steps(self.gan, strategy, self._feed, jit_compile)
        self._next_row = 0

    def train(self, steps: int) -> np.ndarray:
        """Trains on the examples that come next, and waits for the end.

        Returns:
          float32 `[len(METRICS)]`: the means over these steps.
        """
        end = self._next_row + steps * self.images_a_step
        rows = np.arange(self._next_row, end, dtype=np.int32) % self._feed.examples
        self._next_row = end % self._feed.examples
        means, _ = self._train_steps(*self._feed.send(rows.reshape(steps, -1)))
        return means.numpy()
