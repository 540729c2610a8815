"""A run's own evaluations: made when they are due, or later; the best checkpoint is kept."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer import run_layout
from trainer.configuration import step_counts
from trainer.evaluation import during_training
from trainer.evaluation.during_training import RunNetworks
from trainer.gan.state import FashionGAN
from trainer.runs import (
    checkpoint_files,
    checkpoints,
    evaluations,
    records,
    state_variables,
)
from trainer.runs.checkpoint_files import BEST
from trainer.runs.checkpoints import Checkpoints
from trainer.system import activity, memory
from trainer.system.exits import RefusedError
from trainer.system.signals import Stopped
from trainer.training.plan import Plan
from trainer.training.storage import Storage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LateEvaluation:
    """An evaluation that was due at a step, and was not made then."""

    is_owed: Callable[[int], bool]  # step ->
    make: Callable[[int], object]  # step; of a worker that is not the chief: it waits


class RunEvaluations:
    """Measures the generator of a run as it trains, and records it."""

    def __init__(
        self,
        gan: FashionGAN,
        images: np.ndarray,
        labels: np.ndarray,
        plan: Plan,
        storage: Storage,
        saved: Checkpoints,
    ) -> None:
        """Looks for the networks that the images are seen with, and for memory.

        Args:
          gan: the state.
          images: the training images, uint8.
          labels: their labels.
          plan: says what is due, and of how many images.
          storage: what the run reads and writes.
          saved: its checkpoints.

        Raises:
          RefusedError: so many images do not fit.
        """
        self._gan = gan
        self._plan = plan
        self._job_dir = storage.job_dir
        self._saved = saved
        self._networks = _networks(plan, storage)
        self._num = plan.schedule.evaluation_samples
        if self._networks is not None:
            size = self._num * math.prod(gan.recipe.data.image_shape)
            memory.check_room(size, "use a smaller --evaluation_samples")

        @functools.cache
        def measure() -> Callable[[], dict[str, float]]:
            assert self._networks is not None
            parts = (gan, images, labels, self._num, self._networks.get())
            return during_training.make_evaluation(*parts)

        self._measure = measure

    def evaluate(self, step: int) -> dict[str, float]:
        """The loop's `evaluate`. Without networks to see images with, nothing is measured."""
        if self._networks is None:
            return {}
        activity.now(f"evaluating step {step}")
        try:
            metrics = self._measure()()
            protocol = during_training.protocol(self._num, self._networks.get())
            self._measure_best_alike(protocol)
        except Stopped:
            log.info("step %d is saved without its evaluation, which will be made later", step)
            return {}
        evaluations.add(self._job_dir, {"step": step, **protocol, **metrics})
        return _named(metrics)

    def late(
        self, amend: Callable[[int, dict[str, float]], None], commit: Callable[[], None]
    ) -> LateEvaluation:
        """What is made where the run is taken up.

        Args:
          amend: adds metrics to the record of a step.
          commit: makes the run directory last as it is.
        """

        def make(step: int) -> None:
            amend(step, self._made(step) or self.evaluate(step))
            self.keep_best()
            commit()

        return LateEvaluation(self._is_owed, make)

    def keep_best(self) -> None:
        """Keeps a copy of the best of the steps that were evaluated as they are now."""
        if self._networks is None or self._networks.known is None:
            return
        protocol = during_training.protocol(self._num, self._networks.known)
        there = checkpoint_files.complete(self._job_dir / run_layout.CHECKPOINTS)
        if best := evaluations.best(self._job_dir, self._plan.recipe, protocol, there):
            self._saved.keep_best(best[0])

    def _is_owed(self, step: int) -> bool:
        if self._networks is None or step == 0 or not self._plan.evaluation_due(step):
            return False
        # A record that lacks what was measured is completed; where there is none, nothing is owed.
        last = (records.read_lines(self._job_dir / run_layout.METRICS) or [{}])[-1]
        lacks_it = last.get("step") == step and records.EVALUATED_FRECHET not in last
        return not self._made(step) or lacks_it

    def _made(self, step: int) -> dict[str, float]:
        """The metrics of a step that was measured; what ends then may not have recorded them."""
        lines = evaluations.read(self._job_dir, run_layout.TRAIN)
        made: dict[str, Any] = next((it for it in reversed(lines) if it["step"] == step), {})
        metrics = {name: value for name, value in made.items() if isinstance(value, float)}
        return _named(metrics)

    def _measure_best_alike(self, protocol: dict[str, Any]) -> None:
        """Measures the best one again if it was measured by another protocol.

        Else the first one of this protocol would take its place, however bad it is.

        Raises:
          Stopped: the run was asked to stop.
        """
        folder = self._job_dir / run_layout.CHECKPOINTS
        step = max(checkpoint_files.steps(folder / BEST), default=0)
        measured = evaluations.distances(self._job_dir, protocol)
        if step < max(1, step_counts.full_grown_step(self._plan.recipe)) or step in dict(measured):
            return
        try:
            source, tensors = checkpoints.read_chosen(folder, BEST)
        except RefusedError as error:
            log.warning("the best so far is not measured again: %s", error)
            return
        log.info("measuring %s again, the best so far, as it was measured differently", source)
        state = self._gan.state()
        now = {name: each.numpy() for name, each in state_variables.named_variables(state)}
        state_variables.assign(state, tensors, source)
        try:
            metrics = self._measure()()
        finally:
            state_variables.assign(state, now, "the state")
        evaluations.add(self._job_dir, {"step": step, **protocol, **metrics})


def _named(metrics: dict[str, float]) -> dict[str, float]:
    """By their names among a run's records."""
    return {f"{records.EVALUATED}{name}": value for name, value in metrics.items()}


def _networks(plan: Plan, storage: Storage) -> RunNetworks | None:
    """What the run's evaluations need; None where they are not possible."""
    data = plan.recipe.data
    if not plan.is_ever_evaluated:
        return None
    if not during_training.has_enough_images(data):
        log.warning("the run is not evaluated: %d images are too few", data.train_examples)
        return None
    parts = (data, lambda: storage.load(data), *storage.network_folders)
    return RunNetworks(*parts, publish=storage.hold.commit)
