"""Lengths, intervals and what a resume may change."""

from __future__ import annotations

import dataclasses
import json

import pytest

from trainer.configuration import checks, config, flags
from trainer.system.exits import RefusedError


def resolve(*arguments: str) -> config.Config:
    return flags.train(["train", "--job_dir=run", "--preset=dcgan", *arguments])


def test_an_epoch_ends_with_the_step_that_has_seen_all_its_images():
    recipe = resolve("--batch_size=256").recipe
    assert config.step_of_epoch(recipe, 1) == 235  # 234.4 batches
    assert config.step_of_epoch(recipe, 2) == 469  # 468.75
    assert config.step_of_epoch(recipe, 32) == 7500  # exactly


def test_steps_override_epochs():
    resolved = resolve("--epochs=3", "--steps=7")
    assert config.total_steps(resolved.recipe, resolved.schedule) == 7


def test_the_configuration_survives_its_file(tmp_path):
    resolved = resolve("--noise_dim=5")
    (tmp_path / "config.json").write_text(config.to_json(resolved, 11, {"replicas": 1}))

    stored = config.read_json(tmp_path)

    assert stored is not None
    assert stored["horizon"] == 11
    assert config.recipe_from(stored, tmp_path) == resolved.recipe


@pytest.mark.parametrize(
    "accepted",
    ["--epochs=9", "--steps=9", "--save_interval=3", "--checkpoint_interval=7", "--threads=1",
     "--virtual_devices=4", "--keep_checkpoints=9", "--steps_per_loop=3", "--data_dir=elsewhere"],
)  # fmt: skip
def test_a_resume_may_change_what_does_not_change_the_result(accepted):
    stored = json.loads(config.to_json(resolve(), 1, {}))
    checks.check_resume(stored, resolve(accepted))


@pytest.mark.parametrize(
    "refused",
    ["--seed=1", "--batch_size=128", "--noise_dim=5", "--dropout=0.1", "--dataset=synthetic",
     "--loss=lsgan", "--generator_beta_1=0.3", "--augment=cutout", "--ema_half_life=1000",
     "--generator_learning_rate=1e-3", "--discriminator_learning_rate=1e-3",
     "--precision=bfloat16"],
)  # fmt: skip
def test_a_resume_may_not_change_the_result(refused):
    stored = json.loads(config.to_json(resolve(), 1, {}))
    name, value = refused.removeprefix("--").split("=")

    with pytest.raises(RefusedError) as error:
        checks.check_resume(stored, resolve(refused))

    rows = {row.split()[0]: row for row in str(error.value).splitlines()[2:]}
    row = rows[name].split()
    before = config.flag_values(dataclasses.asdict(resolve().recipe))[name]
    assert (row[1] if len(row) > 2 else "") == str(before)
    assert float(row[-1]) == float(value) if row[-1][0].isdigit() else row[-1] == value


@pytest.mark.parametrize("content", ["", "[]", "{", '{"recipe": 1}'])
def test_a_damaged_configuration_is_refused(content, tmp_path):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(RefusedError, match=r"config\.json"):
        config.read_json(tmp_path)


def test_a_configuration_of_another_version_is_refused(tmp_path):
    stored = json.loads(config.to_json(resolve(), 1, {}))
    stored["recipe"]["momentum"] = 0.5
    with pytest.raises(RefusedError, match="another version"):
        config.recipe_from(stored, tmp_path)
