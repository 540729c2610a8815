"""The run that the page is of: its networks, and what is made of them once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from trainer.configuration import asked_labels
from trainer.configuration.config import Recipe
from trainer.data.input_pictures import InputPictures
from trainer.data.labels import NOT_GIVEN, Labels
from trainer.editing import directions, truncated_styles
from trainer.editing.directions import Directions
from trainer.editing.synthesis import Synthesis
from trainer.evaluation import direction_names
from trainer.models import mapping
from trainer.runs.trained_networks import Trained

DIRECTIONS = 6  # that have a slider

Draw = Callable[..., tf.Tensor]


@dataclass(frozen=True, eq=False)
class OpenRun:
    """A run that is read."""

    trained: Trained
    name: str  # the run directory, as the user named it
    arguments: tuple[str, ...]  # of a command, that name the run and its checkpoint
    examples: InputPictures | None  # test pictures

    @property
    def recipe(self) -> Recipe:
        """Of its training."""
        return self.trained.recipe

    @property
    def completes(self) -> bool:
        """Whether it was trained to complete pictures, and draws none of its own."""
        return bool(self.recipe.completion.masks)

    @property
    def can_be_edited(self) -> bool:
        """Whether its generator is whole, and draws pictures of latents alone."""
        return not (self.trained.growing or self.completes)

    @property
    def is_style_based(self) -> bool:
        """Whether its generator has styles."""
        return mapping.is_style_based(self.trained.generator)

    @property
    def no_labels(self) -> Labels:
        """Those of a picture of which nothing is said."""
        return (NOT_GIVEN,) * len(self.recipe.data.attributes)

    @cached_property
    def synthesis(self) -> Synthesis:
        """Its generator in its parts."""
        return Synthesis(self.trained)

    @cached_property
    def directions(self) -> Directions:
        """Along which its pictures change most."""
        return directions.closed_form(self.synthesis)

    @cached_property
    def direction_names(self) -> list[str]:
        """What the first of them change."""
        number = min(DIRECTIONS, len(self.directions.vectors))
        return direction_names.measured(self.synthesis, self.directions, number)

    @cached_property
    def cycle(self) -> list[Labels]:
        """The labels that successive images get where none are asked for."""
        return asked_labels.cycle(self.recipe)

    def drawing(
        self, truncation: float | None, cycle: Sequence[Labels]
    ) -> tuple[Draw, float | None]:
        """`truncated_styles.drawing` in a graph that is kept."""
        return _drawing(self, truncation, tuple(cycle))

    def rows(self, labels: Labels) -> np.ndarray:
        """Labels of one picture, as arrays have them: int64 `[1, attributes]`."""
        return np.array([labels], np.int64).reshape(1, len(labels))


@functools.lru_cache(maxsize=8)
def _drawing(
    run: OpenRun, truncation: float | None, cycle: tuple[Labels, ...]
) -> tuple[Draw, float | None]:
    generate, bound = truncated_styles.drawing(run.trained, truncation, cycle)
    return tf.function(generate, autograph=False), bound
