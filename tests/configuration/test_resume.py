"""What a resume may change, and what is refused: the stored recipe wins."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from PIL import Image

from trainer import run_layout
from trainer.configuration import config, config_json, flags, presets, resume, step_counts
from trainer.configuration.config_json import RunConfig
from trainer.system.exits import RefusedError


def asked(*arguments: str) -> config.TrainConfig:
    return flags.train(["train", "--job_dir=run", *arguments])


def started(*arguments: str) -> RunConfig:
    """The configuration of a run after its first start."""
    return dataclasses.replace(resume.configured(asked(*arguments), None), environment={})


def resumed(run: RunConfig, *arguments: str) -> RunConfig:
    return resume.configured(asked(*arguments), run)


DCGAN = ("--preset=dcgan",)


@pytest.mark.parametrize(
    "accepted",
    ["--epochs=9", "--steps=9", "--save_interval=3", "--checkpoint_interval=7", "--threads=1",
     "--virtual_devices=4", "--keep_checkpoints=9", "--steps_per_loop=3", "--data_dir=elsewhere"],
)  # fmt: skip
def test_a_resume_may_change_what_does_not_change_the_result(accepted):
    resumed(started(*DCGAN), *DCGAN, accepted)


@pytest.mark.parametrize(
    "refused",
    ["--seed=1", "--batch_size=128", "--noise_dim=5", "--dropout=0.1", "--dataset=synthetic",
     "--width=32", "--max_width=256", "--loss=lsgan", "--generator_beta_1=0.3",
     "--augment=cutout", "--ema_half_life=1000",
     "--generator_learning_rate=1e-3", "--discriminator_learning_rate=1e-3",
     "--precision=bfloat16"],
)  # fmt: skip
def test_a_resume_may_not_change_the_result(refused):
    run = started(*DCGAN)
    name, value = refused.removeprefix("--").split("=")

    with pytest.raises(RefusedError) as error:
        resumed(run, *DCGAN, refused)

    rows = {row.split()[0]: row for row in str(error.value).splitlines()[2:]}
    row = rows[name].split()
    before = config_json.flag_values(run.recipe)[name]
    assert (row[1] if len(row) > 2 else "") == str(before)
    assert float(row[-1]) == float(value) if row[-1][0].isdigit() else row[-1] == value


def test_a_preset_that_has_become_another_since_changes_no_run(monkeypatch):
    run = started("--preset=wgan", "--seed=5")
    before = presets.arguments
    monkeypatch.setattr(
        presets,
        "arguments",
        lambda name: [*before(name), "--noise_dim=7", "--epochs=1", "--save_interval=9"],
    )
    assert asked("--preset=wgan").recipe.networks.noise_dim == 7

    for same in (["--preset=wgan", "--seed=5"], ["--preset=wgan"], ["--noise_dim=100"], []):
        again = resumed(run, *same)
        assert (again.recipe, again.schedule, again.horizon) == (
            run.recipe,
            run.schedule,
            run.horizon,
        )


def test_flags_of_the_run_s_own_recipe_are_no_contradiction_to_the_default_preset(tmp_path):
    (tmp_path / run_layout.CONFIG).write_text(config_json.to_json(started("--preset=wgan")))
    given = flags.train(["train", f"--job_dir={tmp_path}", "--loss=wgan", "--weight_clip=0.01"])
    stored = config_json.read(tmp_path)
    assert stored is not None
    assert resume.configured(given, stored).recipe == stored.recipe


def test_another_preset_is_refused_by_what_differs_and_accepted_where_nothing_does():
    run = started("--preset=dcgan", "--conditional", "--batch_size=64")
    with pytest.raises(RefusedError, match=r"update +simultaneous +alternating"):
        resumed(run, "--preset=wgan")

    same = dataclasses.replace(started("--preset=conditional"), preset="of another name then")
    assert resumed(same, "--preset=conditional").recipe == same.recipe


def test_a_run_whose_architecture_has_another_name_by_now_goes_on_by_the_same_command():
    command = ("--preset=fashion", "--architecture=stylegan", "--dataset=synthetic")
    as_it_was = started(*command[:1], "--architecture=stylegan_joint", *command[2:])
    assert resumed(as_it_was, *command).recipe == as_it_was.recipe
    with pytest.raises(RefusedError, match=r"architecture +stylegan_joint +style"):
        resumed(as_it_was, *command[:1], "--architecture=style")


def test_a_length_that_is_not_given_stays_and_epochs_replace_steps():
    run = started(*DCGAN, "--steps=30")
    assert resumed(run).schedule.steps == 30
    assert resumed(run, "--steps=40").schedule.steps == 40
    longer = resumed(run, "--epochs=2")
    assert step_counts.total_steps(longer.recipe, longer.schedule) == 469
    assert longer.horizon == 30


def test_pictures_that_are_others_now_are_refused_also_where_the_data_set_is_not_named(tmp_path):
    def draw(name: str) -> None:
        Image.new("L", (32, 32), 7).save(tmp_path / name)

    draw("a.png")
    draw("b.png")
    pictures = ["--preset=dcgan", f"--data_dir={tmp_path}", "--batch_size=2"]
    run = started(*pictures, "--dataset=image_folder")
    assert resumed(run, *pictures).recipe == run.recipe

    draw("c.png")

    with pytest.raises(RefusedError, match=r"train_examples +2 +3"):
        resumed(run, f"--data_dir={tmp_path}")


OF_ALL_KINDS = ("fashion_mnist", "synthetic_garments", "image_folder", "synthetic")


@pytest.mark.parametrize(("before", "now"), [*itertools.permutations(OF_ALL_KINDS, 2)])
def test_another_kind_of_data_is_refused_in_a_table(before, now, tmp_path):
    for number in range(12):
        Image.new("RGB", (8, 8), (20 * number, 0, 0)).save(tmp_path / f"{number}.png")

    def given(dataset: str) -> list[str]:
        folder = [f"--data_dir={tmp_path}"] if dataset == "image_folder" else []
        return ["--preset=dcgan", f"--dataset={dataset}", "--batch_size=8", *folder]

    with pytest.raises(RefusedError, match=f"dataset +{before} +{now}"):
        resumed(started(*given(before)), *given(now))


def test_auto_stays_what_the_first_start_has_made_of_it():
    run = started("--precision=auto")
    decided = dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, precision="bfloat16"))
    assert resumed(decided, "--precision=auto").recipe.precision == "bfloat16"
    with pytest.raises(RefusedError, match="precision"):
        resumed(decided, "--precision=float32")


def test_what_cannot_be_trained_is_refused_on_a_resume_too():
    with pytest.raises(RefusedError, match="beyond the run's 30 steps"):
        resumed(started(*DCGAN, "--steps=30"), "--profile_steps=40,50")


def test_a_profile_is_of_one_start_only():
    run = started(*DCGAN, "--steps=900", "--profile_steps=500,600")
    assert resumed(run, "--steps=300").schedule.profile_steps == ()


def test_a_recipe_that_would_be_refused_today_goes_on():
    run = started(*DCGAN)
    networks = dataclasses.replace(run.recipe.networks, dropout=0.999)
    before = dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, networks=networks))
    assert resumed(before).recipe.networks.dropout == 0.999


GROWING = ("--preset=stylegan", "--dataset=synthetic", "--grow_from=7", "--grow_images=50000",
           "--fade_images=10000")  # fmt: skip


@pytest.mark.parametrize(
    ("longer", "said"),
    [(["--epochs=1"], "are full-grown only at"), (["--steps=9"], "are full-grown only at")],
)
def test_another_length_of_a_run_of_minutes_is_judged_like_any_length(longer, said):
    run = started(*GROWING, "--minutes=60")
    planned = dataclasses.replace(run, schedule=dataclasses.replace(run.schedule, steps=90_000))

    with pytest.raises(RefusedError, match=said):
        resumed(planned, *GROWING, *longer)
    assert resumed(planned, "--steps=80000").schedule.minutes is None
    assert resumed(planned, "--minutes=60").schedule == planned.schedule


def planned_of(run: RunConfig, **changed) -> RunConfig:
    """A run whose length has been planned by its minutes, and what had no time."""
    schedule = dataclasses.replace(run.schedule, **changed)
    return dataclasses.replace(run, schedule=schedule, asked_schedule=run.schedule)


def test_a_plan_holds_where_the_same_is_asked_for_again():
    given = (*DCGAN, "--minutes=5", "--evaluation_interval=500", "--keep_checkpoints=3")
    run = planned_of(started(*given), steps=900, evaluation_interval=0, save_interval=4)
    again = resumed(run, *given)  # as each pod does that takes a run up
    assert again == run
    more = resumed(run, *given, "--save_interval=2", "--keep_checkpoints=9")
    assert (more.schedule.evaluation_interval, more.schedule.steps) == (0, 900)
    assert (more.schedule.save_interval, more.schedule.keep_checkpoints) == (2, 9)


def test_another_length_takes_back_what_was_planned():
    run = started(*DCGAN, "--minutes=5", "--evaluation_interval=500")
    planned = planned_of(run, steps=900, evaluation_interval=0, save_interval=4)
    kept = resumed(planned, "--keep_checkpoints=9")
    longer = resumed(kept, "--epochs=100")
    assert longer.schedule == dataclasses.replace(
        run.schedule, epochs=100, minutes=None, keep_checkpoints=9
    )
    assert longer.asked_schedule is None
    again = config_json.from_json(config_json.to_json(kept), None)  # type: ignore[arg-type]
    assert resumed(again, "--epochs=100") == longer
