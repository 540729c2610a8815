"""What is said before a run trains: that it is short, or cannot be measured."""

from __future__ import annotations

import logging

from trainer.configuration import step_counts
from trainer.configuration.config import Recipe, Schedule
from trainer.evaluation import protocols

log = logging.getLogger(__name__)

FEWEST_STEPS = 1000  # updates, before which no recipe shows what the data look like
ENOUGH_STEPS = 5000  # after which the quick ones show it clearly


def warn_if_not_measurable(recipe: Recipe) -> None:
    """Warns of a run that `evaluate` will refuse, and says how to get one that it takes."""
    data = recipe.data
    if (
        data.folder
        and data.folder.test_share
        and not (recipe.completion.masks or protocols.can_be_evaluated(recipe))
    ):
        log.warning(
            "%d pictures are held back for tests, too few for `evaluate`: begin anew with %s",
            *(data.test_examples, protocols.holding_back(data)),
        )


def warn_if_short(recipe: Recipe, schedule: Schedule) -> None:
    """Says of a run that is too short to learn anything which flag makes it long enough."""
    steps = step_counts.total_steps(recipe, schedule)
    if steps >= FEWEST_STEPS:
        return
    a_step = step_counts.images_a_step(recipe)
    if schedule.minutes is not None or schedule.steps is not None:
        longer = f"--steps={ENOUGH_STEPS}"
    else:
        longer = f"--epochs={-(-ENOUGH_STEPS * a_step // recipe.data.train_examples)}"
    log.warning(
        "%d updates of %d images are too few to learn what the data look like: %s would do",
        *(steps, a_step, longer),
    )
