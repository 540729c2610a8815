"""What a first start decides by measurement, and that a resume keeps it."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.command import run_forked
from tests.conftest import FEW_REFERENCES, train_flags
from trainer import run_layout
from trainer.configuration import flags, resume
from trainer.configuration.config_json import RunConfig
from trainer.data import synthetic
from trainer.data.datasets import LabelledImages
from trainer.distribution import environment
from trainer.distribution.collectives import WorkerGroup
from trainer.evaluation import own_network_training
from trainer.runs import records
from trainer.system import exits
from trainer.system.exits import RefusedError
from trainer.training import first_start, planned_length, trial
from trainer.training.storage import Hold, Storage

HERE = {"replicas": 1}
# A run in which a step seems to take ten thousand times as long: an hour is planned to be few.
# What is measured is measured shortly.
SHORTLY = FEW_REFERENCES + (
    "from trainer.training import planned_length, trial\n"
    "planned_length.AROUND_STEPS, trial.ROUND_SECONDS = 1e4, 0.1"
)


@pytest.fixture(autouse=True)
def measured_shortly(monkeypatch) -> None:
    monkeypatch.setattr(trial, "ROUND_SECONDS", 0.1)


def run(*more: str) -> RunConfig:
    asked = flags.train(train_flags(Path("x"), "--dataset=synthetic", "--precision=auto", *more))
    return resume.configured(asked, None)


def decided(*more: str) -> RunConfig:
    return first_start.decided(run(*more), HERE, tf.distribute.OneDeviceStrategy("/cpu:0")).run


@pytest.mark.parametrize(
    ("bfloat16", "chosen"), [(0.5, "bfloat16"), (0.89, "bfloat16"), (0.95, "float32")]
)
def test_bfloat16_is_chosen_where_it_is_clearly_faster(bfloat16, chosen, monkeypatch, caplog):
    monkeypatch.setattr(environment, "has_bfloat16_instructions", lambda: True)

    def measured(speed, steps: int) -> float:
        return steps * (bfloat16 if speed.gan.recipe.precision == "bfloat16" else 1.0)

    monkeypatch.setattr(trial.Speed, "_train", measured)
    with caplog.at_level("INFO"):
        assert decided().recipe.precision == chosen
    assert "1000.0 ms in float32" in caplog.text


def test_what_was_measured_for_the_precision_is_not_measured_again(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "has_bfloat16_instructions", lambda: True)
    whole = run("--evaluation_interval=0")
    asked = dataclasses.replace(
        whole, schedule=dataclasses.replace(whole.schedule, minutes=60, steps=None)
    )
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    chosen, speed = first_start.decided(asked, HERE, strategy)
    assert speed is not None and speed.gan.recipe == chosen.recipe

    monkeypatch.setattr(planned_length, "Speed", None)
    data = np.zeros((100, 28, 28, 1), np.uint8), np.zeros((100, 1), np.int64)
    planned = planned_length.planned(
        chosen,
        WorkerGroup(strategy, 0, 1),
        stored(tmp_path, data),
        time.monotonic() + 3600,
        speed,
    )

    assert planned.horizon > 0


def test_where_bfloat16_is_emulated_nothing_is_measured(monkeypatch):
    monkeypatch.setattr(environment, "has_bfloat16_instructions", lambda: False)
    monkeypatch.setattr(first_start, "Speed", None)
    assert decided().recipe.precision == "float32"


def test_forms_and_compilation_are_decided_and_kept():
    started = decided("--forms=library", "--precision=float32")
    assert started.execution.jit_compile is False and started.execution.forms == "library"
    again = dataclasses.replace(started, environment=HERE)
    assert first_start.decided(again, {}, tf.distribute.get_strategy()).run == again


def test_minutes_and_another_length_are_refused(tmp_path):
    for other in ("--steps=5", "--epochs=5"):
        given = ["--dataset=synthetic", "--minutes=1", other]
        with pytest.raises(RefusedError, match=r"--minutes=1 plans .* leave one of them out"):
            flags.train(["train", f"--job_dir={tmp_path}", *given])


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf", "1e308"])
def test_minutes_must_be_a_positive_number(minutes, tmp_path):
    given = ["--dataset=synthetic", f"--minutes={minutes}"]
    with pytest.raises(RefusedError, match="must be a positive number"):
        flags.train(["train", f"--job_dir={tmp_path}", *given])


def stored(folder: Path, data: LabelledImages) -> Storage:
    """A run's storage with these training images."""
    return Storage(folder, folder, lambda spec: data, Hold(lambda: None, lambda: None))


def test_data_that_take_the_time_are_told_apart_from_steps(tmp_path):
    whole = run("--evaluation_interval=0", "--precision=float32")
    schedule = dataclasses.replace(whole.schedule, minutes=1, steps=None)
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    asked, _ = first_start.decided(dataclasses.replace(whole, schedule=schedule), HERE, strategy)
    data = np.zeros((100, 28, 28, 1), np.uint8), np.zeros((100, 1), np.int64)
    late = time.monotonic() + 10
    alone = WorkerGroup(strategy, 0, 1)
    with pytest.raises(RefusedError, match=r"of --minutes=1, [0-9]+ s passed .* give it more"):
        planned_length.planned(asked, alone, stored(tmp_path, data), late)


def test_more_time_plans_more_steps_and_evaluations_take_some(tmp_path):
    def steps(minutes: float, whole: RunConfig) -> int:
        schedule = dataclasses.replace(whole.schedule, minutes=minutes, steps=None)
        asked = dataclasses.replace(whole, schedule=schedule)
        deadline = time.monotonic() + 60 * minutes
        alone = WorkerGroup(strategy, 0, 1)
        planned = planned_length.planned(asked, alone, storage, deadline, speed)
        assert planned.horizon == planned.schedule.steps
        return planned.schedule.steps

    data = np.zeros((100, 28, 28, 1), np.uint8), np.zeros((100, 1), np.int64)
    storage = stored(tmp_path, data)
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    plain = decided("--evaluation_interval=0", "--precision=float32")
    speed = trial.Speed(plain.recipe, plain.execution, strategy)
    speed.measure()
    assert steps(60, plain) > 10 * steps(1, plain) > 0
    with pytest.raises(
        RefusedError, match=r"no time for a step.*; --minutes=\d+ has time for 1000"
    ):
        steps(0.01, plain)
    given = ("--preset=stylegan", "--grow_from=7", "--grow_images=100000000")
    growing = run("--evaluation_interval=0", *given, "--steps=100000000")  # which were enough
    with pytest.raises(RefusedError, match="the networks are full-grown only at"):
        steps(0.5, growing)  # if it trained as fast as the plain one


def test_where_little_time_is_left_no_evaluation_is_tried(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(planned_length, "_evaluation_seconds", None)
    whole = run("--evaluation_interval=10")
    schedule = dataclasses.replace(whole.schedule, minutes=0.4, steps=None)
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    asked, speed = first_start.decided(
        dataclasses.replace(whole, schedule=schedule), HERE, strategy
    )
    data = np.zeros((100, 28, 28, 1), np.uint8), np.zeros((100, 1), np.int64)
    alone, soon = WorkerGroup(strategy, 0, 1), time.monotonic() + 24

    planned = planned_length.planned(asked, alone, stored(tmp_path, data), soon, speed)

    assert planned.horizon > 0 and planned.schedule.evaluation_interval == 0
    assert "the run is not evaluated" in caplog.text


def test_grids_take_a_small_share_of_the_minutes():
    whole = run()  # an epoch is 500 steps
    assert planned_length._epochs_between_grids(whole, left=100, a_step=0.01, a_grid=0.1) == 1
    assert planned_length._epochs_between_grids(whole, left=100, a_step=0.01, a_grid=1.0) == 7
    assert planned_length._steps(whole.recipe, 100, a_step=0.01, between=7, a_grid=1.0) == 9800


@pytest.mark.parametrize("steps", [10, pytest.param(10**7, marks=pytest.mark.slow)])
def test_networks_that_the_first_evaluation_trains_may_take_half_of_the_time(
    steps, tmp_path, monkeypatch, caplog
):
    images = np.random.default_rng(0).integers(0, 256, (300, 16, 16, 3), np.uint8)
    labels = synthetic.garment_labels(300)
    given = ("--dataset=synthetic_garments", "--image_size=16", "--evaluation_samples=20")
    whole = run(*given, "--precision=float32")
    schedule = dataclasses.replace(whole.schedule, minutes=5, steps=None, evaluation_interval=1000)
    asked = dataclasses.replace(whole, schedule=schedule)
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    decided, _ = first_start.decided(asked, HERE, strategy)
    monkeypatch.setattr(own_network_training, "FEWEST_STEPS", steps)
    monkeypatch.setattr(own_network_training, "MOST_STEPS", steps)

    with caplog.at_level("INFO"):
        planned = planned_length.planned(
            decided,
            WorkerGroup(strategy, 0, 1),
            stored(tmp_path, (images, labels)),
            time.monotonic() + 300,
        )

    assert "the first evaluation trains networks" in caplog.text
    assert not list(tmp_path.iterdir())  # none is trained for the plan
    assert planned.schedule.steps and planned.schedule.steps > 0
    is_evaluated = planned.schedule.evaluation_interval > 0
    assert is_evaluated == (steps == 10)
    assert ("the run is not evaluated" in caplog.text) == (not is_evaluated)


def test_a_run_of_minutes_is_planned_once(tmp_path):
    given = ["--dataset=synthetic", "--evaluation_samples=10"]
    base = [flag for flag in train_flags(tmp_path, *given) if "--steps" not in flag]
    done = run_forked(*base, "--minutes=60", "--evaluation_interval=10000", before=SHORTLY)
    stored = json.loads((tmp_path / run_layout.CONFIG).read_text())
    planned = stored["schedule"]["steps"]
    assert planned == stored["horizon"] > 0
    assert f"{planned} steps are planned" in done.stderr
    assert records.read_lines(tmp_path / "metrics.jsonl")[-1]["step"] == planned

    again = run_forked(*base, "--minutes=5")
    assert "--minutes=5 is ignored: the run has had a planned length" in again.stderr
    assert f"complete at step {planned}" in again.stderr
    longer = run_forked(*base, f"--steps={planned + 2}")
    assert f"complete at step {planned + 2}" in longer.stderr
    assert math.isclose(json.loads((tmp_path / run_layout.CONFIG).read_text())["horizon"], planned)


@pytest.mark.slow
def test_minutes_are_planned_on_several_devices(tmp_path):
    base = [flag for flag in train_flags(tmp_path, "--dataset=synthetic") if "--steps" not in flag]
    devices = ["--virtual_devices=2", "--evaluation_interval=0"]
    run_forked(*base, "--minutes=60", *devices, before=SHORTLY)
    assert records.read_lines(tmp_path / "metrics.jsonl")[-1]["step"] > 0


def test_minutes_that_leave_no_time_are_refused(tmp_path):
    base = [flag for flag in train_flags(tmp_path, "--dataset=synthetic") if "--steps" not in flag]
    refused = run_forked(*base, "--minutes=0.05", before=SHORTLY, code=exits.REFUSED)
    assert "leaves no time for a step" in refused.stderr
