"""A run measures itself, keeps the best, and resumes as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.conftest import ROOT, command, run, train_flags
from trainer.configuration import flags
from trainer.evaluation import during_training
from trainer.gan.fashion_gan import FashionGAN
from trainer.runs import checkpoints, evaluations, records, trained
from trainer.runs.checkpoints import Checkpoints
from trainer.system.exits import RefusedError
from trainer.training import take_up
from trainer.training.plan import Plan

FIGURES = {
    "classifier_fid",
    "precision",
    "recall",
    "density",
    "coverage",
    "missing_classes",
    "smallest_class_share",
    "class_accuracy",
}


def flags_of(job_dir: Path) -> list[str]:
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


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Path:
    job_dir = tmp_path_factory.mktemp("runs") / "measured"
    run(*flags_of(job_dir))
    return job_dir


def tensorboard(job_dir: Path) -> EventAccumulator:
    return EventAccumulator(
        str(job_dir / "tensorboard" / "eval"), size_guidance={"tensors": 0}
    ).Reload()


def test_figures_are_in_the_records_at_the_steps_that_were_due(measured):
    lines = records.read_lines(measured / "metrics.jsonl")
    evaluated = {line["step"]: line for line in lines if "evaluation/coverage" in line}
    kept = evaluations.read(measured, evaluations.TRAIN)
    board = tensorboard(measured)

    assert list(evaluated) == [line["step"] for line in kept] == [20, 40, 50]
    for line in kept:
        assert line["num"] == 50
        for name in FIGURES:
            assert evaluated[line["step"]][f"evaluation/{name}"] == line[name]
    for name in FIGURES:
        points = [
            (event.step, float(tf.make_ndarray(event.tensor_proto)))
            for event in board.Tensors(f"evaluation/{name}")
        ]
        assert points == [(line["step"], pytest.approx(line[name])) for line in kept]


def test_the_best_checkpoint_is_kept(measured):
    kept = evaluations.read(measured, evaluations.TRAIN)
    least = min(kept, key=lambda line: line["classifier_fid"])

    source, tensors = checkpoints.read_chosen(measured / "checkpoints", "best")

    assert source == f"step {least['step']}"
    assert tensors["training/step"] == least["step"]


def test_a_kill_between_a_checkpoint_and_its_copy_leaves_nothing_out(measured, tmp_path):
    job_dir = tmp_path / "copy"
    shutil.copytree(measured, job_dir)
    shutil.rmtree(job_dir / "checkpoints" / "best")
    config = flags.train(flags_of(job_dir))
    best = evaluations.best_step(job_dir, during_training.protocol(50))
    gan = FashionGAN(config.recipe, 50)
    saved = Checkpoints(job_dir / "checkpoints", gan.state(), keep=3)

    take_up.keep_best(config, saved)

    assert checkpoints.steps(job_dir / "checkpoints" / "best") == [best]


def kill_between_an_evaluation_and_its_checkpoint(process: subprocess.Popen, job_dir: Path) -> None:
    """Stops the run at each evaluation, and kills it at the first that has no checkpoint yet."""
    known = 0
    while True:
        while process.poll() is None and len(evaluations.read(job_dir, evaluations.TRAIN)) == known:
            time.sleep(0.002)
        assert process.poll() is None, "each checkpoint was there before it was looked for"
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        lines = evaluations.read(job_dir, evaluations.TRAIN)
        if lines[-1]["step"] not in checkpoints.steps(job_dir / "checkpoints"):
            process.kill()
            process.wait()
            return
        known = len(lines)
        process.send_signal(signal.SIGCONT)


def test_a_killed_run_ends_with_the_same_figures(measured, tmp_path):
    job_dir = tmp_path / "killed"
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(command(*flags_of(job_dir)), cwd=ROOT, stdout=log, stderr=log)
    kill_between_an_evaluation_and_its_checkpoint(process, job_dir)
    by_another = {"step": 20, "against": evaluations.TEST, "num": 10, "coverage": 0.5}
    evaluations.add(job_dir, by_another)

    run(*flags_of(job_dir))

    for job in (measured, job_dir):
        assert [line["step"] for line in evaluations.read(job, evaluations.TRAIN)] == [20, 40, 50]
    assert evaluations.read(job_dir, evaluations.TRAIN) == evaluations.read(
        measured, evaluations.TRAIN
    )
    assert evaluations.read(job_dir, evaluations.TEST) == [by_another]
    steps = [event.step for event in tensorboard(job_dir).Tensors("evaluation/coverage")]
    assert steps == [20, 40, 50]


def test_measuring_changes_nothing_in_the_training(measured, tmp_path):
    job_dir = tmp_path / "unmeasured"

    run(*flags_of(job_dir), "--evaluation_interval=0")

    final = [checkpoints.read(job / "checkpoints" / "ckpt-50") for job in (measured, job_dir)]
    assert final[0].keys() == final[1].keys()
    assert all(np.array_equal(final[0][name], final[1][name]) for name in final[0])
    assert not (job_dir / "evaluations.jsonl").exists()


def test_a_generator_that_shows_one_thing_is_warned_of(caplog):
    config = flags.train(["train", "--job_dir=x", *flags_of(Path("x"))[2:]])
    gan = FashionGAN(config.recipe, 50)  # untrained
    images = np.random.default_rng(0).integers(0, 256, (100, 28, 28, 1), np.uint8)
    evaluate = during_training.evaluator(gan, images, np.arange(100) % 10, num=50)

    figures = evaluate()

    assert figures["missing_classes"] > 0
    (warning,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert "shows little" in warning and "hardly any" in warning


def plan(*arguments: str) -> Plan:
    config = flags.train(["train", "--job_dir=x", "--dataset=synthetic", *arguments])
    return Plan(config.recipe, config.schedule)


def test_the_end_is_evaluated_where_an_interval_was_full():
    long = plan("--steps=45", "--evaluation_interval=20", "--checkpoint_interval=1000")
    short = plan("--steps=15", "--evaluation_interval=20", "--checkpoint_interval=1000")

    assert [step for step in range(1, 46) if long.evaluates_at(step)] == [20, 40, 45]
    assert [step for step in range(1, 46) if long.saves_at(step)] == [20, 40, 45]
    assert [step for step in range(1, 16) if short.evaluates_at(step)] == []


def test_data_that_no_classifier_knows_is_not_measured():
    other = ["train", "--job_dir=x", "--dataset=mnist", "--preset=mlp"]

    assert flags.train(other).schedule.evaluation_interval == 0
    with pytest.raises(RefusedError, match="--evaluation_interval=100 needs classifiers"):
        flags.train([*other, "--evaluation_interval=100"])
    assert flags.train(other[:2]).schedule.evaluation_interval > 0


def test_a_best_checkpoint_that_is_not_there_is_refused(finished):
    with pytest.raises(RefusedError, match="holds no evaluated checkpoint"):
        trained.load(finished, "best")
