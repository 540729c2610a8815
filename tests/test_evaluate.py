"""The evaluate command: one JSON object, the same again, and what is new."""

from __future__ import annotations

import json
import shutil

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.conftest import run, train_flags
from trainer import checkpoints, evaluate, flags
from trainer.evaluation import classifiers, journal
from trainer.exits import RefusedError

EVERYWHERE = {
    "step",
    "against",
    "num",
    "seed",
    "features",
    "features_sha256",
    "classifier_fid",
    "classifier_fid_floor",
    "kid",
    "kid_deviation",
    "precision",
    "recall",
    "density",
    "coverage",
    "class_accuracy",
    "class_shares",
    "missing_classes",
    "classification_accuracy_score",
    "pixel_frechet_distance",
    "neighbour_distance_ratio",
}


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A conditional run with checkpoints at 0, 10 and 20."""
    job_dir = tmp_path_factory.mktemp("runs") / "short"
    run(*train_flags(job_dir, "--conditional", "--dataset=synthetic", "--steps=20"))
    return job_dir


def test_a_checkpoint_gives_the_same_json_twice_and_one_record(short):
    asked = ["evaluate", f"--job_dir={short}", "--num=200", "--threads=2"]

    first, second = run(*asked), run(*asked)

    assert first.stdout == second.stdout
    line = json.loads(first.stdout)
    assert line.keys() == EVERYWHERE
    assert (line["step"], line["num"], line["against"]) == (20, 200, "test")
    assert line["features_sha256"] == classifiers.DIGESTS["feature_network"]
    assert line["classifier_fid"] > line["classifier_fid_floor"] > 0
    assert sum(line["class_shares"].values()) == pytest.approx(1)
    assert "classifier_fid" in first.stderr and "coverage" in first.stderr
    assert journal.read(short, journal.TEST) == [line]
    board = EventAccumulator(str(short / "tensorboard" / "eval"), {"tensors": 0}).Reload()
    (event,) = board.Tensors("test/classifier_fid")
    assert event.step == 20


def test_new_measures_what_was_not_and_then_nothing(short, tmp_path):
    job_dir = tmp_path / "copy"
    shutil.copytree(short, job_dir)
    for name in ("evaluations.jsonl", "tensorboard/eval"):
        shutil.rmtree(job_dir / name, ignore_errors=True)
        (job_dir / name).unlink(missing_ok=True)
    asked = ["evaluate", f"--job_dir={job_dir}", "--num=20", "--threads=2"]
    run(*asked, "--checkpoint=10")

    new = run(*asked, "--new")
    again = run(*asked, "--watch")  # of a run that is complete

    there = checkpoints.steps(job_dir / "checkpoints")
    assert [json.loads(line)["step"] for line in new.stdout.splitlines()] == [
        step for step in there if step != 10
    ]
    assert again.stdout == ""
    assert sorted(line["step"] for line in journal.read(job_dir, journal.TEST)) == there


def test_new_finds_nothing_where_no_run_has_started(tmp_path, capsys, caplog):
    caplog.set_level("INFO", "trainer")

    evaluate.run(flags.evaluate(["evaluate", f"--job_dir={tmp_path / 'none'}", "--new"]))

    assert capsys.readouterr().out == "" and "holds no run yet" in caplog.text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--new", "--watch"], "leave --new out"),
        (["--new", "--checkpoint=best"], "--checkpoint=best names one checkpoint"),
        (["--num=3"], "num"),
        (["--features=vgg"], "features"),
    ],
)
def test_what_makes_no_sense_is_refused(asked, said):
    with pytest.raises(RefusedError, match=said):
        flags.evaluate(["evaluate", "--job_dir=x", *asked])
