"""Lengths in steps and epochs."""

from __future__ import annotations

from trainer.configuration import config, flags


def resolve(*arguments: str) -> config.TrainConfig:
    return flags.train(["train", "--job_dir=run", "--preset=dcgan", *arguments])


def test_an_epoch_ends_with_the_step_that_has_seen_all_its_images():
    recipe = resolve("--batch_size=256").recipe
    assert config.step_of_epoch(recipe, 1) == 235  # 234.4 batches
    assert config.step_of_epoch(recipe, 2) == 469  # 468.75
    assert config.step_of_epoch(recipe, 32) == 7500  # exactly


def test_steps_override_epochs():
    resolved = resolve("--epochs=3", "--steps=7")
    assert config.total_steps(resolved.recipe, resolved.schedule) == 7
