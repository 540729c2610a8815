"""A run evaluates itself, keeps the best checkpoint, and resumes with the same results."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.command import run_forked
from tests.conftest import FEW_REFERENCES, assert_same_bits, train_flags
from trainer.configuration import flags
from trainer.evaluation import during_training, packaged_networks
from trainer.gan.state import FashionGAN
from trainer.runs import checkpoints, evaluations, records, stored_runs, trained_networks
from trainer.system.exits import INTERRUPTED, RefusedError
from trainer.training.plan import Plan

METRICS = {
    "classifier_fid",
    "precision",
    "recall",
    "density",
    "coverage",
    "missing_classes",
    "smallest_class_share",
    "class_accuracy",
}


def flags_for(job_dir: Path) -> list[str]:
    return train_flags(
        job_dir,
        "--conditional",
        "--dataset=synthetic",
        "--steps=50",
        "--evaluation_interval=20",
        "--evaluation_samples=50",
        "--steps_per_loop=5",
        "--keep_checkpoints=9",
    )


def train(job_dir: Path, *more: str, code: int = 0, before: str = "") -> str:
    """Trains, compared with few images; gives the log."""
    before = FEW_REFERENCES + before
    return run_forked(*flags_for(job_dir), *more, code=code, before=before).stderr


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> Path:
    job_dir = tmp_path_factory.mktemp("runs") / "evaluated"
    train(job_dir)
    return job_dir


@pytest.fixture(scope="module")
def gone_on(evaluated, tmp_path_factory) -> Path:
    """A copy of it without its best checkpoint, ten steps on."""
    job_dir = tmp_path_factory.mktemp("runs") / "gone_on"
    shutil.copytree(evaluated, job_dir)
    shutil.rmtree(job_dir / "checkpoints" / "best")
    train(job_dir, "--steps=60")
    return job_dir


def tensorboard(job_dir: Path) -> EventAccumulator:
    return EventAccumulator(
        str(job_dir / "tensorboard" / "eval"), size_guidance={"tensors": 0}
    ).Reload()


def test_metrics_are_recorded_at_the_due_steps(evaluated):
    lines = records.read_lines(evaluated / "metrics.jsonl")
    logged = {line["step"]: line for line in lines if "evaluation/coverage" in line}
    results = evaluations.read(evaluated, evaluations.TRAIN)
    board = tensorboard(evaluated)

    assert list(logged) == [result["step"] for result in results] == [20, 40, 50]
    for result in results:
        assert result["num"] == 50
        for name in METRICS:
            assert logged[result["step"]][f"evaluation/{name}"] == result[name]
    for name in METRICS:
        points = [
            (event.step, float(tf.make_ndarray(event.tensor_proto)))
            for event in board.Tensors(f"evaluation/{name}")
        ]
        assert points == [(result["step"], pytest.approx(result[name])) for result in results]


def test_the_best_checkpoint_is_kept(evaluated):
    results = evaluations.read(evaluated, evaluations.TRAIN)
    best = min(results, key=lambda result: result["classifier_fid"])

    source, tensors = checkpoints.read_chosen(evaluated / "checkpoints", "best")

    assert source == f"step {best['step']}"
    assert tensors["training/step"] == best["step"]


def best_of(job_dir: Path) -> list[int]:
    """Steps of the copies in `best/`."""
    return checkpoints.steps(job_dir / "checkpoints" / "best")


def test_a_best_checkpoint_lost_to_a_kill_is_copied_later(gone_on):
    results = evaluations.read(gone_on, evaluations.TRAIN)
    best = min(results, key=lambda result: result["classifier_fid"])
    assert best_of(gone_on) == [best["step"]]


def test_the_best_is_measured_again_where_it_is_measured_otherwise(evaluated, gone_on, tmp_path):
    (before,) = best_of(evaluated)
    other = tmp_path / "other"
    shutil.copytree(evaluated, other)
    log = train(other, "--steps=60", "--evaluation_samples=40")

    assert f"measuring step {before} again" in log
    results = [each for each in evaluations.read(other, evaluations.TRAIN) if each["num"] == 40]
    assert [each["step"] for each in results] == [before, 60]
    best = min(results, key=lambda result: result["classifier_fid"])
    assert best_of(other) == [best["step"]]
    assert f"best {best['classifier_fid']:.2f} at step {best['step']}" in log
    # The state has been away meanwhile, and is back.
    assert_same_bits(
        *(checkpoints.read(checkpoints.prefix(run / "checkpoints", 60)) for run in (gone_on, other))
    )


STOPPED_WHILE_IT_LOOKS = """
import os, signal
from trainer.evaluation import evaluation_networks, packaged_networks
packaged = packaged_networks.provide
def stopped_later():
    networks = packaged()
    def features(images):
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigtimedwait([], .5)
        assert len(images) == evaluation_networks.PREDICTION_BATCH, "it went on"
        return networks.features(images)
    return dataclasses.replace(networks, features=features)
import dataclasses
from trainer.evaluation import during_training
during_training._IMAGES_OF_A_PART = evaluation_networks.PREDICTION_BATCH
packaged_networks.provide = stopped_later
"""


def test_a_signal_in_the_last_evaluation_is_answered_before_its_end_and_it_is_made_later(
    evaluated, tmp_path
):
    job_dir = tmp_path / "run"
    shutil.copytree(evaluated, job_dir)
    more = ["--steps=60", "--evaluation_samples=600"]
    log = train(job_dir, *more, code=INTERRUPTED, before=STOPPED_WHILE_IT_LOOKS)
    assert "step 60 is saved without its evaluation, which will be made later" in log
    assert "interrupted and saved at step 60" in log
    assert not (job_dir / "results" / "final.png").exists()

    train(job_dir, *more)
    assert 60 in [each["step"] for each in evaluations.read(job_dir, evaluations.TRAIN)]
    assert (job_dir / "results" / "final.png").exists()
    recorded = records.read_lines(job_dir / "metrics.jsonl", "loss/generator")
    assert recorded[-1]["step"] == 60 and recorded[-1]["evaluation/classifier_fid"] > 0


KILLED_BETWEEN_AN_EVALUATION_AND_ITS_CHECKPOINT = """
import os
from trainer.runs import evaluations
from trainer.runs.checkpoints import Checkpoints
add, save, dies = evaluations.add, Checkpoints.save, False
def added(*arguments):
    global dies
    add(*arguments)
    dies = True
def saved(self, step):
    if dies:
        os.kill(os.getpid(), 9)
    save(self, step)
evaluations.add, Checkpoints.save = added, saved
"""


def test_records_that_someone_removes_leave_nothing_owed(evaluated, tmp_path):
    job_dir = tmp_path / "without"
    shutil.copytree(evaluated, job_dir)
    for name in ("metrics.jsonl", "results/loss_curves.png", "results/final.png"):
        (job_dir / name).unlink()
    train(job_dir)
    assert (job_dir / "results" / "final.png").exists()
    assert "is complete" in train(job_dir)


def test_a_late_evaluation_that_was_not_recorded_whole_is_recorded(evaluated, tmp_path):
    job_dir = tmp_path / "cut"
    shutil.copytree(evaluated, job_dir)
    path = job_dir / "metrics.jsonl"
    lines = records.read_lines(path)
    whole = dict(lines[-1])
    for name in [name for name in whole if name.startswith("evaluation/")]:
        del lines[-1][name]  # a kill came between the result and the record
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    measured = evaluations.read(job_dir, evaluations.TRAIN)
    (job_dir / "results" / "final.png").unlink()

    train(job_dir)

    assert records.read_lines(path)[-1] == whole
    assert evaluations.read(job_dir, evaluations.TRAIN) == measured


def test_a_killed_run_ends_with_the_same_metrics(evaluated, tmp_path):
    job_dir = tmp_path / "killed"
    dying = KILLED_BETWEEN_AN_EVALUATION_AND_ITS_CHECKPOINT
    train(job_dir, before=dying, code=-signal.SIGKILL)
    assert [each["step"] for each in evaluations.read(job_dir, evaluations.TRAIN)] == [20]
    by_evaluate = {"step": 20, "against": evaluations.TEST, "num": 10, "coverage": 0.5}
    evaluations.add(job_dir, by_evaluate)

    train(job_dir)

    for job in (evaluated, job_dir):
        assert [each["step"] for each in evaluations.read(job, evaluations.TRAIN)] == [20, 40, 50]
    assert evaluations.read(job_dir, evaluations.TRAIN) == evaluations.read(
        evaluated, evaluations.TRAIN
    )
    assert evaluations.read(job_dir, evaluations.TEST) == [by_evaluate]
    steps = [event.step for event in tensorboard(job_dir).Tensors("evaluation/coverage")]
    assert steps == [20, 40, 50]


def test_evaluation_does_not_change_training(evaluated, tmp_path):
    job_dir = tmp_path / "not_evaluated"

    train(job_dir, "--evaluation_interval=0")

    final = [checkpoints.read(job / "checkpoints" / "ckpt-50") for job in (evaluated, job_dir)]
    assert final[0].keys() == final[1].keys()
    assert all(np.array_equal(final[0][name], final[1][name]) for name in final[0])
    assert not (job_dir / "evaluations.jsonl").exists()


@pytest.mark.parametrize(("num", "are_missing"), [(120, True), (20, False)])
def test_a_collapsed_generator_gives_a_warning(num, are_missing, caplog):
    """Which classes are missing is no wonder where there are two samples of each."""
    config = flags.train(["train", "--job_dir=x", *flags_for(Path("x"))[2:]])
    gan = FashionGAN(config.recipe, 50)  # untrained
    images = np.random.default_rng(0).integers(0, 256, (100, 28, 28, 1), np.uint8)
    labels = np.arange(100)[:, np.newaxis] % 10
    evaluate = during_training.make_evaluation(
        gan, images, labels, num, packaged_networks.provide()
    )

    values = evaluate()

    assert values["missing_classes"] > 0
    assert ("covers little of the data" in caplog.text) == are_missing
    assert ("hardly any" in caplog.text) == are_missing


def test_few_samples_cover_little_however_good_they_are(caplog):
    for coverage, num in ((0.048, 100), (0.003, 10), (0.02, 5000)):  # real images would, and not
        during_training._warn_of_collapse({"recall": 0.9, "coverage": coverage}, [], num, 10_000)
    assert [each.getMessage() for each in caplog.records] == [
        "the generator covers little of the data: coverage 0.020"
    ]


def plan(*arguments: str) -> Plan:
    config = flags.train(["train", "--job_dir=x", "--dataset=synthetic", *arguments])
    return Plan(config.recipe, config.schedule)


def test_the_last_step_is_evaluated_however_short_the_run():
    long = plan("--steps=45", "--evaluation_interval=20", "--checkpoint_interval=1000")
    short = plan("--steps=15", "--evaluation_interval=20", "--checkpoint_interval=1000")

    assert [step for step in range(1, 46) if long.evaluation_due(step)] == [20, 40, 45]
    assert [step for step in range(1, 46) if long.checkpoint_due(step)] == [20, 40, 45]
    assert [step for step in range(1, 16) if short.evaluation_due(step)] == [15]
    assert not any(map(plan("--steps=15", "--evaluation_interval=0").evaluation_due, range(16)))


def test_a_missing_best_checkpoint_is_refused(finished):
    with pytest.raises(RefusedError, match="holds no evaluated checkpoint"):
        trained_networks.load(stored_runs.read(finished), finished, "best")
