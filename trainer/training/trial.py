"""A state that trains without a run directory: to see what a step takes, or what it gives."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from trainer.configuration import step_counts
from trainer.configuration.config import Execution, Recipe
from trainer.data import feeding
from trainer.gan import path_length
from trainer.gan.multi_step_graph import make_train_steps
from trainer.gan.state import FashionGAN

HORIZON = 10**6  # steps, so far off that schedules stand still
ROUNDS = 3  # of measuring, by turns where two are compared
ROUND_SECONDS = 1.0


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
        self.images_a_step = step_counts.images_a_step(recipe)
        self._feed = feeding.feed(images, labels, strategy.extended.worker_devices)
        self._train_steps = make_train_steps(self.gan, strategy, self._feed, jit_compile)
        self._next_row = 0

    def train(self, steps: int) -> np.ndarray:
        """Trains on the examples that come next, and waits for the end.

        Returns:
          float32: the means over these steps, of `metric_names`.
        """
        end = self._next_row + steps * self.images_a_step
        rows = np.arange(self._next_row, end, dtype=np.int32) % self._feed.examples
        self._next_row = end % self._feed.examples
        means, _ = self._train_steps(*self._feed.send(rows.reshape(steps, -1)))
        return means.numpy()


def period(recipe: Recipe) -> int:
    """Steps after which the work repeats: some are penalised."""
    objective = recipe.objective
    intervals = [path_length.INTERVAL] if objective.path_length else []
    return math.lcm(objective.penalty_interval, *intervals)


class Speed:
    """How fast a recipe trains here, on noise, as long as it takes to see that."""

    def __init__(
        self,
        recipe: Recipe,
        execution: Execution,
        strategy: tf.distribute.Strategy,
        agreed: Callable[[int], int] = int,
    ) -> None:
        """Makes a state and its graph, and trains for the first steps, which are slow.

        Args:
          recipe: the recipe.
          execution: decided.
          strategy: all of its workers do the same.
          agreed: gives all of them one number of steps.
        """
        started = time.monotonic()
        rng = np.random.default_rng(0)
        batch = step_counts.images_a_step(recipe)
        images = rng.integers(0, 256, (batch, *recipe.data.image_shape), np.uint8)
        labels = np.zeros((batch, len(recipe.data.attributes)), np.int64)
        self._trial = Trial(recipe, strategy, images, labels, bool(execution.jit_compile))
        self.gan = self._trial.gan
        self._train(1)
        self.seconds_to_start = time.monotonic() - started
        steps = period(recipe)
        seconds = self._train(steps)
        periods = agreed(max(1, round(ROUND_SECONDS / max(seconds, 1e-6))))
        self._steps = steps * periods
        # What takes as long as all rounds tells enough at once.
        self._is_known = agreed(round(seconds / ROUND_SECONDS)) >= ROUNDS
        self._times = [seconds / steps] if self._is_known else []

    def measure(self) -> None:
        """Trains for about a second, unless the first steps took several."""
        if not self._is_known:
            self._times.append(self._train(self._steps) / self._steps)

    def seconds_a_step(self) -> float:
        """The median of what was measured."""
        return statistics.median(self._times)

    def _train(self, steps: int) -> float:
        started = time.monotonic()
        self._trial.train(steps)
        return time.monotonic() - started
