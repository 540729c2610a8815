"""A folder of pictures is measured from beginning to end by networks of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import run_forked, start_forked
from tests.conftest import train_flags
from tests.evaluation.shapes import SHAPE, folder_of_shapes
from trainer import run_layout
from trainer.commands import evaluate
from trainer.configuration import flags
from trainer.evaluation.attribute_metrics import ATTRIBUTE_METRICS
from trainer.runs import checkpoints, evaluations
from trainer.system import exits
from trainer.system.exits import RefusedError

COUNT = 150
IMPORTED = "from trainer.evaluation import own_network_training"
QUICKLY = f"{IMPORTED}; own_network_training.FEWEST_STEPS = 1"
OFTEN = ["--evaluation_interval=10", "--evaluation_samples=20"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures and a table of what they show, in which some colours are missing."""
    return folder_of_shapes(tmp_path_factory.mktemp("shapes"), COUNT)


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    """A run that was evaluated twice, by networks that were trained before it."""
    data = data_flags(folder, folder.with_name("cache"))
    prepared = run_forked(
        *("prepare_data", *data, "--features=own", "--threads=2"),
        before=QUICKLY,
    )
    job_dir = folder.with_name("run")
    trained = run_forked(
        *train_flags(job_dir, *data, *OFTEN, "--conditional", "--steps=20", "--keep_checkpoints=1")
    )
    assert "training networks" in prepared.stderr and "training networks" not in trained.stderr
    return job_dir


def data_flags(folder: Path, cache: Path) -> list[str]:
    return [
        "--dataset=image_folder",
        f"--data_dir={folder}",
        f"--cache_dir={cache}",
        "--image_size=16",
        "--test_share=0.2",
        "--attribute_minimum=1",
    ]


def test_a_run_on_a_folder_evaluates_itself_and_keeps_its_best_checkpoint(run):
    results = evaluations.read(run, evaluations.TRAIN)

    assert [result["step"] for result in results] == [10, 20]
    for result in results:
        assert result["classifier_fid"] > 0
        assert result["class_accuracy"] == result["attribute_accuracy/shape"]
        assert 0 <= result["attribute_accuracy/colour"] <= 1
        assert 0 <= result["smallest_class_share"] <= 1 / 3
    best = min(results, key=lambda result: result["classifier_fid"])
    assert checkpoints.steps(run / "checkpoints" / "best") == [best["step"]]


def test_it_is_measured_against_its_test_pictures_by_the_networks_that_it_keeps(run, folder):
    command = ["evaluate", f"--job_dir={run}", f"--data_dir={folder}", "--num=60", "--threads=2"]

    elsewhere = f"--cache_dir={folder}-other"  # as on another machine
    done = run_forked(*command, elsewhere, before=QUICKLY)

    result = json.loads(done.stdout)
    own = evaluations.read(run, evaluations.TRAIN)[0]
    assert "training networks" not in done.stderr
    assert result["features"] == "own" and result["features_sha256"] == own["features_sha256"]
    assert result["num"] == 60 and 10 < result["real_num"] < 60
    assert f"60 images are compared with all {result['real_num']} test images" in done.stderr
    assert result.keys() >= set(ATTRIBUTE_METRICS)
    assert result["attribute_accuracy_real"]["shape"] > 0.6
    assert result["frechet_by_value"] == dict.fromkeys(SHAPE.values)
    assert "no Fréchet distance for ball, bar, frame" in done.stderr
    assert result["pixel_frechet_distance"] is None and "65 are needed" in done.stderr
    assert evaluations.read(run, evaluations.TEST) == [result]
    again = run_forked(*command, "--new", elsewhere, before=QUICKLY)
    measured = {result["step"] for result in evaluations.read(run, evaluations.TEST)}
    assert len(again.stdout.splitlines()) == len(measured) - 1


def test_pictures_that_are_not_named_are_asked_for_before_anything_is_made(
    run, monkeypatch, tmp_path
):
    monkeypatch.setitem(sys.modules, "trainer.evaluation.checkpoint_results", None)
    for name in ("empty", "other"):
        (tmp_path / name).mkdir()
    other = folder_of_shapes(tmp_path / "other", 9)
    for elsewhere, why in ((tmp_path / "empty", "no pictures"), (other, "different pictures")):
        places = [f"--data_dir={elsewhere}", f"--cache_dir={tmp_path / 'cache'}"]
        asked = flags.evaluate(["evaluate", f"--job_dir={run}", *places])
        with pytest.raises(RefusedError, match=f"name it with --data_dir.*holds {why}"):
            evaluate.run(asked)
    assert not (tmp_path / "cache").exists()


def test_neither_the_first_step_nor_a_signal_waits_for_networks_that_only_evaluate(
    folder, tmp_path
):
    job_dir = tmp_path / "run"
    command = train_flags(
        job_dir, *data_flags(folder, tmp_path / "cache"), *OFTEN, "--conditional", "--steps=20"
    )
    run = start_forked(
        *command,
        stderr=subprocess.PIPE,
        before=f"{IMPORTED}; own_network_training._PROGRESS_SECONDS = 0",
    )
    assert run.stderr is not None
    assert any("features: step" in line for line in run.stderr)  # its networks are being trained
    assert (job_dir / run_layout.CONFIG).exists()  # the run has begun without them

    run.terminate()
    log = run.communicate(timeout=60)[1]

    assert run.returncode == exits.INTERRUPTED
    assert "step 10 is saved without its evaluation" in log
    assert checkpoints.steps(job_dir / "checkpoints")[-1] == 10
    run_forked(
        *command,
        before=QUICKLY,
    )
    results = evaluations.read(job_dir, evaluations.TRAIN)
    assert [result["step"] for result in results] == [10, 20]  # the first is made up for
    assert checkpoints.steps(job_dir / "checkpoints" / "best")


@pytest.mark.slow
def test_networks_are_trained_also_of_a_set_that_is_prepared_just_before(idx_folder, tmp_path):
    places = [f"--data_dir={tmp_path / 'data'}", f"--cache_dir={tmp_path / 'cache'}"]
    asked = ["--dataset=fashion_mnist", *places, f"--source={idx_folder}", "--threads=2"]
    quickly = f"{IMPORTED}; own_network_training.steps = lambda _: 4"
    done = run_forked("prepare_data", *asked, "--features=own", before=quickly)
    assert "training networks" in done.stderr
