"""The outer loop: train some steps in one graph, evaluate, record, draw, save, stop if asked to."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from trainer.training.plan import Plan

log = logging.getLogger(__name__)

LOOP_SECONDS = 2.0
SAVE_SECONDS = 30.0  # between checkpoints, where no steps are asked for
SAVE_SHARE = 0.05  # of the time, which these may take: in a bucket, of large networks


class Monitor(Protocol):
    """What shows and keeps the records of a run."""

    def record(self, step: int, metrics: dict[str, float], steps_per_second: float) -> None:
        """Records the means of a loop."""
        ...

    def draw_grid(self, step: int) -> None:
        """Draws a grid of samples."""
        ...

    def draw_preview(self) -> None:
        """Draws how it stands, between two grids."""
        ...

    def flush(self) -> None:
        """Puts all records on disk."""
        ...


@dataclass(frozen=True)
class Callbacks:
    """What a run does between two pauses, and at them, where it is due."""

    train: Callable[[int, int], dict[str, float]]  # (step, count) -> means of that many steps
    evaluate: Callable[[int], dict[str, float]]  # step -> more metrics
    monitor: Monitor
    save: Callable[[int], object]  # step
    seconds_since_save: Callable[[], float]  # or since the start


class LoopLength:
    """How many steps a loop takes: as asked, or as many as last about two seconds."""

    def __init__(
        self,
        fixed: int,
        stop_requested: Callable[[], bool],
        agree: Callable[[int], int] = lambda steps: steps,
        most: int = sys.maxsize,
    ) -> None:
        """Sets up the first loop.

        Args:
          fixed: steps of every loop, if so many can be sent; 0: the length adapts to the speed.
          stop_requested: whether this process was asked to stop.
          agree: turns the length that this process proposes into that of all workers.
          most: steps of which the images can be sent at once.
        """
        self.steps = min(fixed or 1, most)
        if self.steps < fixed:
            log.info(
                "--steps_per_loop=%d becomes %d: images for more do not fit into memory at once",
                *(fixed, self.steps),
            )
        self._stop_requested = stop_requested
        self._agree = agree
        self._most = most
        self._adapts = not fixed
        self._traced = False

    def next(self) -> int:
        """Steps of the next loop; 0: the run was asked to stop."""
        return self._agree(0 if self._stop_requested() else self.steps)

    def adapt(self, steps: int, seconds: float) -> None:
        """Adapts to how long a loop took, but for the first one, which traces the graph."""
        if self._adapts and self._traced:
            wanted = int(LOOP_SECONDS * steps / max(seconds, 1e-6))
            self.steps = max(1, min(wanted, 4 * self.steps, self._most))
        self._traced = True


def run(
    step: int,
    plan: Plan,
    callbacks: Callbacks,
    length: LoopLength,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Trains from `step` to the plan's last step and returns the step reached, which is saved.

    Records are flushed before the checkpoint is saved: the checkpoint is the commit.
    """
    monitor, seconds_between_saves = callbacks.monitor, SAVE_SECONDS
    save_seconds = 0.0
    steps = length.next()
    while step < plan.last_step and steps:
        count = min(steps, plan.next_pause(step) - step)
        started = clock()
        metrics = callbacks.train(step, count)
        seconds = clock() - started
        length.adapt(count, seconds)
        step += count
        if plan.evaluation_due(step):
            metrics |= callbacks.evaluate(step)
        monitor.record(step, metrics, count / seconds)
        if plan.grid_due(step):
            monitor.draw_grid(step)
        steps = length.next()
        late = plan.saves_by_time and callbacks.seconds_since_save() >= seconds_between_saves
        if plan.checkpoint_due(step) or late or not steps:
            started = clock()
            monitor.draw_preview()
            monitor.flush()
            callbacks.save(step)
            # Of one that had to wait for its storage the next one need not be as slow.
            earlier, save_seconds = save_seconds, clock() - started
            usual = min(earlier, save_seconds)
            seconds_between_saves = max(SAVE_SECONDS, usual / SAVE_SHARE)
    return step
