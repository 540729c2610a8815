"""Lengths in steps and epochs."""

from __future__ import annotations

import dataclasses

import pytest

from trainer.configuration import checks, config, flags, step_counts
from trainer.system.exits import RefusedError


def resolve(*arguments: str) -> config.TrainConfig:
    return flags.train(["train", "--job_dir=run", "--preset=dcgan", *arguments])


def test_an_epoch_ends_with_the_step_that_has_seen_all_its_images():
    recipe = resolve("--batch_size=256").recipe
    assert step_counts.step_of_epoch(recipe, 1) == 235  # 234.4 batches
    assert step_counts.step_of_epoch(recipe, 2) == 469  # 468.75
    assert step_counts.step_of_epoch(recipe, 32) == 7500  # exactly


def test_widths_are_the_architecture_s_unless_given_and_the_most_follows_the_finest():
    def widths(*arguments: str) -> tuple[int, int]:
        networks = resolve(*arguments).recipe.networks
        return networks.width, networks.max_width

    assert widths() == (64, 1024)
    assert widths("--width=16") == (16, 256)
    assert widths("--max_width=100") == (64, 100)
    assert widths("--width=16", "--max_width=16") == (16, 16)
    assert widths("--architecture=mlp") == (0, 0)


def test_steps_to_profile_are_judged_once_the_length_is_known():
    given = ("--minutes=600", "--profile_steps=40000,40100")
    recipe, schedule = (asked := resolve(*given)).recipe, asked.schedule
    checks.check_profile(recipe, dataclasses.replace(schedule, steps=40100))
    with pytest.raises(RefusedError, match="beyond the run's 40099 steps"):
        checks.check_profile(recipe, dataclasses.replace(schedule, steps=40099))
    with pytest.raises(RefusedError, match="beyond the run's 300 steps"):
        resolve("--steps=300", "--profile_steps=40000,40100")


def test_steps_override_epochs():
    resolved = resolve("--epochs=3", "--steps=7")
    assert step_counts.total_steps(resolved.recipe, resolved.schedule) == 7
