"""The labels that images are generated for, as they are asked for; without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.configuration.config import Recipe
from trainer.data import labels
from trainer.data.labels import Labels
from trainer.system.exits import RefusedError


def cycle(recipe: Recipe, asked_for: Sequence[str] = ()) -> list[Labels]:
    """The labels that successive images get, in a cycle.

    Args:
      recipe: a run's.
      asked_for: of one image each, as `labels.parse` reads them; none: each value of the first
        attribute, all others not given.

    Raises:
      RefusedError: a value is unknown, or the run has none.
    """
    known = recipe.data.attributes if recipe.networks.conditional else ()
    if asked_for and not known:
        names = ",".join(asked_for)
        raise RefusedError(
            f"--labels={names} needs a conditional run, which this is not: leave it out"
        )
    if asked_for:
        return [labels.parse(text, known) for text in asked_for]
    others = (labels.NOT_GIVEN,) * (len(recipe.data.attributes) - 1)
    if known:
        return [(value, *others) for value in range(len(known[0].values))]
    return [(labels.NOT_GIVEN,) * len(recipe.data.attributes)]


def by_turns(cycle: Sequence[Labels], count: int) -> np.ndarray:
    """Labels of so many pictures, from `cycle`: int64 `[count, attributes]`."""
    return np.array(cycle, np.int64)[np.arange(count) % len(cycle)]


def over(given: np.ndarray, cycle: Sequence[Labels]) -> np.ndarray:
    """What is asked for in turn, or else what is given: int64 `[N, attributes]`."""
    asked = by_turns(cycle, len(given))
    return np.where(asked == labels.NOT_GIVEN, given, asked)


def targets(recipe: Recipe, asked_for: Sequence[str]) -> list[Labels]:
    """The labels of `--to_label`, which images get in place of their own; -1 keeps those.

    Args:
      recipe: a run's.
      asked_for: each as `labels.parse` reads it.

    Raises:
      RefusedError: a value is unknown, or the run has none.
    """
    if asked_for and not recipe.networks.conditional:
        names = ",".join(asked_for)
        raise RefusedError(
            f"--to_label={names} needs labels, and this run has none: it is not conditional"
        )
    return [labels.parse(text, recipe.data.attributes, "to_label") for text in asked_for]
