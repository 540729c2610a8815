"""Combinations of flags that are refused; a single flag's range is in `flag_definitions`."""

from __future__ import annotations

import dataclasses
import os

from trainer.configuration import numbers, recipe_checks, value_checks
from trainer.configuration.config import Recipe, Runtime, Schedule, TrainConfig
from trainer.configuration.step_counts import total_steps
from trainer.data.datasets import IMAGE_FOLDER, IMAGE_SIZES, DataChoice
from trainer.system.exits import RefusedError

_MOST_MINUTES = 10**7  # twenty years


def check(config: TrainConfig) -> None:
    """Refuses a training that is impossible, or that has a part which would do nothing.

    Raises:
      RefusedError: with one line that says what is wrong and what to do.
    """
    check_data(config.data, config.given)
    recipe_checks.check(numbers.in_float32(config.recipe))
    check_start(config)


def check_start(config: TrainConfig, is_planned: bool = False) -> None:
    """Checks all but the recipe; a resumed run keeps its own.

    Args:
      config: what is asked for, and what a resumed run keeps.
      is_planned: whether the length of a run asked for in minutes is already known.

    Raises:
      RefusedError: as for `check`.
    """
    recipe, runtime = config.recipe, config.runtime
    if runtime.strategy in ("one_device", "multi_worker") and runtime.virtual_devices > 1:
        raise RefusedError(
            f"--strategy={runtime.strategy} contradicts "
            f"--virtual_devices={runtime.virtual_devices}: leave one of them out"
        )
    check_replicas(recipe, max(1, runtime.virtual_devices))
    _check_minutes(config)
    if config.schedule.minutes is None or is_planned:
        recipe_checks.check_growth_ends(recipe, total_steps(recipe, config.schedule))
        check_profile(recipe, config.schedule)
    job_dir = config.job_dir_url or os.path.realpath(config.job_dir)
    if job_dir == (config.places.data_dir_url or os.path.realpath(config.places.data_dir)):
        # Each has a lock, and they would wait for each other.
        raise RefusedError(f"--job_dir and --data_dir are both {job_dir}: use two folders")
    url = config.job_dir_url
    if url and f"{config.places.cache_dir_url}/".startswith(f"{url}/"):
        raise RefusedError(
            f"--cache_dir={config.places.cache_dir_url} lies in --job_dir={url}, which "
            "each start copies: name another folder"
        )


def check_profile(recipe: Recipe, schedule: Schedule) -> None:
    """Refuses to profile steps that a run does not have."""
    steps = total_steps(recipe, schedule)
    if any(step > steps for step in schedule.profile_steps):
        first, last = schedule.profile_steps
        raise RefusedError(
            f"--profile_steps={first},{last} is beyond the run's {steps} steps: choose earlier ones"
        )


def check_data(choice: DataChoice, given: frozenset[str]) -> None:
    """Refuses flags for folders of pictures with other data sets, and impossible values.

    Raises:
      RefusedError: as for `check`.
    """
    reading = choice.folder
    if choice.dataset != IMAGE_FOLDER:
        names = {field.name for field in dataclasses.fields(reading)}
        if beside := sorted(names & given):
            raise RefusedError(
                f"--{beside[0]} says how a folder of pictures is read, and "
                f"--dataset={choice.dataset} is none: leave it out"
            )
    value_checks.below_one("test_share", reading.test_share)
    if reading.metadata and reading.metadata.startswith("gs://"):
        raise RefusedError(
            f"--metadata={reading.metadata} must lie in --data_dir: give its path within it"
        )


def _check_minutes(config: TrainConfig) -> None:
    minutes = config.schedule.minutes
    if minutes is None or "minutes" not in config.given:
        return
    if not 0 < minutes <= _MOST_MINUTES:
        raise RefusedError(
            f"--minutes={minutes} must be a positive number, and at most {_MOST_MINUTES}"
        )
    if beside := config.given & {"epochs", "steps"}:
        raise RefusedError(
            f"--minutes={minutes:g} plans the length of the run, and --{min(beside)} sets it: "
            "leave one of them out"
        )


def check_image_size(size: int | None) -> None:
    """Refuses a size that the networks cannot halve down to four to seven pixels.

    Raises:
      RefusedError: with the two nearest that they can.
    """
    if size is None or size in IMAGE_SIZES:
        return
    lower, higher = sorted(sorted(IMAGE_SIZES, key=lambda known: abs(known - size))[:2])
    raise RefusedError(
        f"--image_size={size} is not 4, 5, 6 or 7 times a power of two, from {IMAGE_SIZES[0]} to "
        f"{IMAGE_SIZES[-1]}: use {lower} or {higher}"
    )


def check_workers(runtime: Runtime, workers: int) -> None:
    """Refuses virtual devices with several workers, each of which would use only one."""
    if workers > 1 and runtime.virtual_devices > 1:
        raise RefusedError(
            f"--virtual_devices={runtime.virtual_devices} splits one machine, and there are "
            f"{workers} workers: leave it out"
        )


def check_replicas(recipe: Recipe, replicas: int) -> None:
    """Refuses a global batch that the replicas cannot share evenly."""
    if recipe.batch_size % replicas:
        raise RefusedError(
            f"--batch_size={recipe.batch_size} is not divisible by the {replicas} replicas: "
            f"try {recipe.batch_size // replicas * replicas or replicas}"
        )
