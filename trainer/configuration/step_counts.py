"""How many steps a run has, and where in it epochs and stages of growth begin."""

from __future__ import annotations

import math

from trainer.configuration.config import Recipe, Schedule


def total_steps(recipe: Recipe, schedule: Schedule) -> int:
    """Steps of the whole run. Epochs are counted in images, so the last one is rounded up."""
    if schedule.steps is not None:
        return schedule.steps
    return step_of_epoch(recipe, schedule.epochs)


def step_of_epoch(recipe: Recipe, epoch: int) -> int:
    """The first step after which that many epochs of images have been seen."""
    return math.ceil(epoch * recipe.data.train_examples / images_a_step(recipe))


def epoch_of_step(recipe: Recipe, step: int) -> float:
    """Epochs of images seen after that many steps."""
    return step * images_a_step(recipe) / recipe.data.train_examples


def images_a_step(recipe: Recipe) -> int:
    """Images of the data set that a step takes: a step is one update of the generator."""
    return recipe.batch_size * recipe.objective.critic_steps


def doublings(recipe: Recipe) -> int:
    """How often the networks' sides double while a run trains."""
    return recipe.growth.doublings(recipe.data.image_shape[0])


def first_step_of_stage(recipe: Recipe, stage: int) -> int:
    """The step at which sides have doubled so often."""
    return math.ceil(recipe.growth.first_image(stage) / images_a_step(recipe))


def stage_of_step(recipe: Recipe, step: int) -> int:
    """How often sides have doubled at a step; 0 of runs that do not grow."""
    stages = range(1, doublings(recipe) + 1)
    return sum(step >= first_step_of_stage(recipe, stage) for stage in stages)


def full_grown_step(recipe: Recipe) -> int:
    """The first step at which all sides are there and faded in; 0 of runs that do not grow."""
    if not (last := doublings(recipe)):
        return 0
    images = recipe.growth.first_image(last) + recipe.growth.fade_images
    return math.ceil(images / images_a_step(recipe))
