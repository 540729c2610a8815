"""Recipes that are refused: those that cannot be trained, or have a part that does nothing."""

from __future__ import annotations

import math

from trainer.configuration import label_checks, objective_checks, step_counts, value_checks
from trainer.configuration.choices import ARCHITECTURES, COMPLETING, GROWING, LOSSES, NETWORKS
from trainer.configuration.config import Networks, OptimizerSettings, Recipe
from trainer.data.datasets import halvings
from trainer.system.exits import RefusedError

MOST_DROPOUT = 1 - 1 / 256  # masks are drawn as bytes
MOST_DIVERSITY = 1.7  # at the root of three the loss has no least, see `gan.reconstruction`


def check(recipe: Recipe) -> None:
    """Refuses a recipe, its numbers in float32.

    Raises:
      RefusedError: with one line that says what is wrong and what to do.
    """
    objective_checks.check(recipe.objective)
    _check_networks(recipe)
    label_checks.check(recipe)
    _check_styles(recipe)
    _check_growth(recipe)
    _check_completion(recipe)
    for name in NETWORKS:
        _check_optimizer(name, getattr(recipe, name), recipe.optimizer)
    if not (math.isfinite(recipe.ema_half_life) and recipe.ema_half_life >= 0):
        raise RefusedError(f"--ema_half_life={recipe.ema_half_life} must be a number of images")
    examples = recipe.data.train_examples
    if recipe.batch_size > examples:
        raise RefusedError(
            f"--batch_size={recipe.batch_size} is more than the {examples} images of "
            f"--dataset={recipe.data.dataset}"
        )


def _check_networks(recipe: Recipe) -> None:
    networks = recipe.networks
    value_checks.below_one("dropout", networks.dropout)
    if networks.dropout > MOST_DROPOUT:
        raise RefusedError(
            f"--dropout={networks.dropout} leaves next to nothing: use at most {MOST_DROPOUT:.3f}"
        )
    if networks.dropout and not ARCHITECTURES[networks.architecture].has_dropout:
        raise RefusedError(
            f"--dropout={networks.dropout} does not apply to "
            f"--architecture={networks.architecture}, whose discriminator has none: use --dropout=0"
        )
    _check_widths(networks)
    if networks.spectral_norm and ARCHITECTURES[networks.architecture].has_zero_kernels:
        raise RefusedError(
            f"--spectral_norm divides by a norm that is zero at first in "
            f"--architecture={networks.architecture}: use --nospectral_norm"
        )
    clip = recipe.objective.weight_clip
    if networks.spectral_norm and clip:
        raise RefusedError(f"--spectral_norm undoes --weight_clip={clip}: use one of them")
    if LOSSES[recipe.objective.loss].needs_lipschitz_bound and not (
        clip or recipe.objective.gradient_penalty or networks.spectral_norm
    ):
        raise RefusedError(
            f"--loss={recipe.objective.loss} diverges without a bound on the critic: add "
            "--weight_clip, --gradient_penalty or --spectral_norm"
        )


def _check_widths(networks: Networks) -> None:
    width, max_width = networks.width, networks.max_width
    if not ARCHITECTURES[networks.architecture].width:
        for name, value in (("width", width), ("max_width", max_width)):
            if value:
                raise RefusedError(
                    f"--{name}={value} does not apply to --architecture={networks.architecture}, "
                    "which has no channels: leave it out"
                )
    if width > max_width:
        raise RefusedError(
            f"--max_width={max_width} is less than the {width} channels at the finest side: "
            f"use at least {width}, or a smaller --width"
        )


def _check_styles(recipe: Recipe) -> None:
    objective, architecture = recipe.objective, recipe.networks.architecture
    if not 0 <= objective.style_mixing <= 1:
        raise RefusedError(f"--style_mixing={objective.style_mixing} must be from 0 to 1")
    value_checks.weight("path_length", objective.path_length)
    for name in ("style_mixing", "path_length"):
        if getattr(objective, name) and not ARCHITECTURES[architecture].style_based:
            raise RefusedError(
                f"--{name}={getattr(objective, name)} needs a style-based generator, and "
                f"--architecture={architecture} has none: use --architecture=style, or leave it out"
            )
    if objective.path_length and objective.update != "simultaneous":
        raise RefusedError(
            f"--path_length={objective.path_length} needs --update=simultaneous: use that, or "
            "--path_length=0"
        )


def _check_growth(recipe: Recipe) -> None:
    growth, side = recipe.growth, recipe.data.image_shape[0]
    if not growth.grow_from:
        for name in ("grow_images", "fade_images"):
            if getattr(growth, name):
                raise RefusedError(f"--{name} needs --grow_from: add it, or leave this one out")
        return
    if recipe.networks.architecture not in GROWING:
        raise RefusedError(
            f"--grow_from={growth.grow_from} needs networks that can grow: use "
            f"--architecture={GROWING[0]}, or leave it out"
        )
    sides = [side >> number for number in range(1, halvings(side) + 1)]
    if growth.grow_from not in sides:
        raise RefusedError(
            f"--grow_from={growth.grow_from} does not double to the {side} pixels of the images: "
            f"use {' or '.join(map(str, sides))}"
        )
    if not growth.grow_images:
        raise RefusedError("--grow_from needs --grow_images, the images seen at each side: add it")


def _check_completion(recipe: Recipe) -> None:
    completion, architecture = recipe.completion, recipe.networks.architecture
    for name in ("reconstruction", "diversity", "recognition"):
        value_checks.weight(name, getattr(completion, name))
    if completion.diversity >= MOST_DIVERSITY:
        raise RefusedError(
            f"--diversity={completion.diversity} rewards variety without limit: it must be below "
            f"{MOST_DIVERSITY}"
        )
    if ARCHITECTURES[architecture].completes:
        if not completion.masks:
            raise RefusedError(
                f"--architecture={architecture} completes pictures, and no parts are missing: "
                "add --masks, as --preset=inpaint does"
            )
        if completion.diversity and not completion.reconstruction:
            raise RefusedError(
                f"--diversity={completion.diversity} is a share of --reconstruction: add that, or "
                "use --diversity=0"
            )
        if completion.recognition and not recipe.networks.conditional:
            raise RefusedError(
                f"--recognition={completion.recognition} needs labels, which the networks are not "
                "given: add --conditional, or use --recognition=0"
            )
        return
    for name in ("masks", "reconstruction", "diversity", "recognition"):
        if value := getattr(completion, name):
            raise RefusedError(
                f"--{name}={value} applies only to networks that complete pictures, which "
                f"--architecture={architecture} does not: use {' or '.join(COMPLETING)}, or leave "
                "it out"
            )


def check_growth_ends(recipe: Recipe, steps: int) -> None:
    """Refuses a run of so many steps whose networks would not be full-grown at its end.

    Raises:
      RefusedError: as for `check`.
    """
    needed = step_counts.full_grown_step(recipe)
    if needed and steps <= needed:
        raise RefusedError(
            f"the run would end at step {steps}, but the networks are full-grown only at {needed}: "
            "train longer, or use smaller --grow_images and --fade_images"
        )


def _check_optimizer(name: str, optimizer: OptimizerSettings, kind: str) -> None:
    rate = optimizer.learning_rate
    if not (math.isfinite(rate) and rate > 0):
        raise RefusedError(f"--{name}_learning_rate={rate} must be a positive number")
    for beta in ("beta_1", "beta_2"):
        value_checks.below_one(f"{name}_{beta}", getattr(optimizer, beta))
    if kind == "rmsprop" and optimizer.beta_1:
        raise RefusedError(
            f"--{name}_beta_1={optimizer.beta_1} applies only to Adam, and --optimizer=rmsprop "
            f"keeps no mean of gradients: use --{name}_beta_1=0"
        )
    value_checks.schedule(name, optimizer.schedule, optimizer.final_factor)
