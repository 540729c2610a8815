"""When a run pauses: for a grid, an evaluation, a checkpoint, a profile."""

from __future__ import annotations

import functools
import math
import sys
from dataclasses import dataclass

from trainer.configuration import step_counts
from trainer.configuration.config import Recipe, Schedule

MOST_GRIDS = 100  # of a run


@dataclass(frozen=True)
class Plan:
    """The steps at which something is due."""

    recipe: Recipe
    schedule: Schedule

    @property
    def last_step(self) -> int:
        """The step at which the run is complete."""
        return step_counts.total_steps(self.recipe, self.schedule)

    @property
    def is_ever_evaluated(self) -> bool:
        """Whether an evaluation is due at any step."""
        return self.schedule.evaluation_interval > 0

    def next_pause(self, step: int) -> int:
        """The first step after `step` at which something is due."""
        due = [self._next_grid(step), self._next_evaluation(step), self.last_step]
        if interval := self.schedule.checkpoint_interval:
            due.append((step // interval + 1) * interval)
        due += [begun for begun in self._stages if begun > step]
        due += [profiled for profiled in self.schedule.profile_steps if profiled > step]
        return min(due)

    def grid_due(self, step: int) -> bool:
        """Whether a grid is due at `step`."""
        return self._next_grid(step - 1) == step

    def evaluation_due(self, step: int) -> bool:
        """Whether an evaluation is due at `step`: every interval, and at the end."""
        return self._next_evaluation(step - 1) == step

    def checkpoint_due(self, step: int) -> bool:
        """Whether a checkpoint is due at `step`, whenever the last one was."""
        interval = self.schedule.checkpoint_interval
        by_steps = interval > 0 and step % interval == 0
        return by_steps or step == self.last_step or self.evaluation_due(step)

    @property
    def saves_by_time(self) -> bool:
        """Whether there are checkpoints between these, after some seconds."""
        return self.schedule.checkpoint_interval == 0

    @functools.cached_property
    def _stages(self) -> list[int]:
        """First steps of the stages of a run that grows, and of the grown: each has its graph."""
        stages = range(1, step_counts.doublings(self.recipe) + 1)
        begun = [step_counts.first_step_of_stage(self.recipe, stage) for stage in stages]
        return [*begun, step_counts.full_grown_step(self.recipe)]

    def _next_evaluation(self, step: int) -> int:
        interval = self.schedule.evaluation_interval
        return min((step // interval + 1) * interval, self.last_step) if interval else sys.maxsize

    def _next_grid(self, step: int) -> int:
        epoch = int(step_counts.epoch_of_step(self.recipe, step))
        interval = self._epochs_between_grids
        return step_counts.step_of_epoch(self.recipe, (epoch // interval + 1) * interval)

    @functools.cached_property
    def _epochs_between_grids(self) -> int:
        """Of a small set, whose epochs are short, a multiple of what was asked for."""
        asked = self.schedule.save_interval
        grids = int(step_counts.epoch_of_step(self.recipe, self.last_step)) // asked
        return asked * max(1, math.ceil(grids / MOST_GRIDS))
