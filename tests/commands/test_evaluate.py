"""The evaluate command: its JSON, reproducibility, and `--new`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorflow.python.framework import config

from tests.command import ROOT, run_forked
from tests.conftest import damage_by_flipping, train_flags
from tests.evaluation.test_inception import stand_in
from trainer.commands import evaluate
from trainer.configuration import flags
from trainer.data.datasets import DatasetSpec
from trainer.evaluation import inception, packaged_networks, protocols
from trainer.runs import evaluations
from trainer.system.exits import RefusedError

KEYS = {
    "step",
    "against",
    "num",
    "cas",
    "seed",
    "features",
    "features_sha256",
    "judge_sha256",
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
    run_forked(*train_flags(job_dir, "--conditional", "--dataset=synthetic", "--steps=20"))
    return job_dir


@pytest.fixture
def restored_op_determinism():
    """Switches op determinism off again, for other tests of this process."""
    yield
    config.disable_op_determinism()


LEARNING_LITTLE = (
    "from trainer.evaluation import classification_accuracy; classification_accuracy.EPOCHS = 2"
)


def test_a_checkpoint_gives_the_same_json_twice_and_is_recorded_if_it_belongs_to_the_run(
    short, tmp_path
):
    for part in short.glob("checkpoints/ckpt-20.*"):
        shutil.copy(part, tmp_path / part.name.replace("ckpt-20", "mine-3"))
    command = ["evaluate", f"--job_dir={short}", "--num=200", "--threads=2"]

    elsewhere = run_forked(*command, f"--checkpoint={tmp_path / 'mine-3'}", before=LEARNING_LITTLE)
    recorded = evaluations.read(short, evaluations.TEST)
    first = run_forked(*command, before=LEARNING_LITTLE)

    assert recorded == [] and "not recorded" in elsewhere.stderr
    assert first.stdout == elsewhere.stdout
    result = json.loads(first.stdout)
    assert result.keys() == KEYS
    assert (result["step"], result["num"], result["against"]) == (20, 200, "test")
    assert result["features_sha256"] == packaged_networks.DIGESTS["feature_network"]
    assert result["classifier_fid"] > result["classifier_fid_floor"] > 0
    assert sum(result["class_shares"].values()) == pytest.approx(1)
    assert "classifier_fid" in first.stderr and "coverage" in first.stderr
    assert evaluations.read(short, evaluations.TEST) == [result]
    board = EventAccumulator(str(short / "tensorboard" / "eval"), {"tensors": 0}).Reload()
    (event,) = board.Tensors("test (num 200)/classifier_fid")
    assert event.step == 20


def test_new_evaluates_each_checkpoint_once_and_what_is_measured_is_not_waited_for(short, tmp_path):
    job_dir = tmp_path / "copy"
    shutil.copytree(short, job_dir)
    for name in ("evaluations.jsonl", "tensorboard/eval"):
        shutil.rmtree(job_dir / name, ignore_errors=True)
        (job_dir / name).unlink(missing_ok=True)
    folder = job_dir / "checkpoints"
    (folder / "best").mkdir()
    for part in folder.glob("ckpt-0.*"):
        part.rename(folder / "best" / part.name)
    for part in folder.glob("ckpt-20.*"):
        shutil.copy(part, folder / part.name.replace("20", "15"))
    (damaged,) = folder.glob("ckpt-15.data*")
    damage_by_flipping(damaged)
    command = ["evaluate", f"--job_dir={job_dir}", "--num=20", "--threads=2", "--nocas"]
    run_forked(*command, f"--checkpoint={folder / 'ckpt-10'}")

    new = run_forked(*command, "--new", code=64)
    for part in folder.glob("ckpt-15.*"):
        part.unlink()
    again = run_forked(*command, "--watch")  # of a run that is complete

    results = [json.loads(line) for line in new.stdout.splitlines()]
    assert [result["step"] for result in results] == [0, 20]
    assert all(result["classification_accuracy_score"] is None for result in results)
    assert f"{folder / 'ckpt-15'} is not readable" in new.stderr.splitlines()[-1]
    assert again.stdout == ""
    assert [line["step"] for line in evaluations.read(job_dir, evaluations.TEST)] == [10, 0, 20]

    for stands in ("is complete", "has nothing new"):
        asked = without_tensorflow(*command, "--new")
        assert (asked.returncode, asked.stdout) == (0, "")
        assert f"{stands}, and all of it is measured: nothing to do" in asked.stderr
        (job_dir / "results/final.png").unlink(missing_ok=True)
    # Other results are not there, nor is this one.
    for other in ("--seed=1", "--cas"):
        assert without_tensorflow(*command, "--new", other).returncode == 3


WATCHED = """
import shutil
from pathlib import Path
from trainer.commands import evaluate
from trainer.evaluation import checkpoint_results
job_dir, kept = Path({job_dir!r}), Path({kept!r})
naps = []
class Time:
    def sleep(seconds):
        naps.append(seconds)
        assert seconds == 30 and len(naps) < 4
        if len(naps) == 2:  # the run saves another step, and ends
            for path in kept.glob("ckpt-20.*"):
                shutil.copy(path, job_dir / "checkpoints")
            (job_dir / "results" / "final.png").write_bytes(b"")
evaluate.time = Time
"""


def test_a_run_is_watched_until_it_is_complete(short, tmp_path):
    job_dir, kept = tmp_path / "copy", short / "checkpoints"
    shutil.copytree(short, job_dir)
    (job_dir / "results" / "final.png").unlink()
    for path in [*(job_dir / "checkpoints").glob("ckpt-20.*"), job_dir / "evaluations.jsonl"]:
        path.unlink(missing_ok=True)
    shutil.rmtree(job_dir / "checkpoints" / "best", ignore_errors=True)
    command = ["evaluate", f"--job_dir={job_dir}", "--num=20", "--threads=2", "--nocas", "--watch"]
    watched = run_forked(*command, before=WATCHED.format(job_dir=str(job_dir), kept=str(kept)))
    assert [json.loads(line)["step"] for line in watched.stdout.splitlines()] == [0, 10, 20]


def without_tensorflow(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process that ends with 3 instead of importing TensorFlow."""
    code = (
        "import os, sys\n"
        "class Refuses:\n"
        "  def find_spec(self, name, *_):\n"
        "    if name in ('tensorflow', 'keras'):\n"
        "      os._exit(3)\n"
        "sys.meta_path.insert(0, Refuses())\n"
        "from trainer.__main__ import main\n"
        "sys.exit(main())"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True
    )


def test_classes_are_predicted_by_the_class_network_also_with_inception_s_features(
    short, tmp_path, capsys, restored_op_determinism
):
    graph = tmp_path / "data" / inception.FOLDER / inception.FILE
    graph.parent.mkdir(parents=True)
    graph.write_bytes(stand_in())
    job_dir = tmp_path / "copy"
    shutil.copytree(short, job_dir, ignore=shutil.ignore_patterns("evaluations.jsonl"))
    command = ["evaluate", f"--job_dir={job_dir}", f"--data_dir={tmp_path / 'data'}", "--num=10"]
    settings = flags.evaluate([*command, "--features=inception", "--threads=2"])

    evaluate.run(settings)
    evaluate.run(settings)

    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    result = json.loads(first)
    assert result.keys() == {name.replace("classifier_fid", "fid") for name in KEYS}
    assert result["features_sha256"] == hashlib.sha256(stand_in()).hexdigest()
    assert result["judge_sha256"] == packaged_networks.DIGESTS["class_network"]
    assert result["kid_deviation"] is None  # of 10 images
    assert result["class_accuracy"] is not None
    assert evaluations.read(job_dir, evaluations.TEST) == [result]


def test_an_image_folder_is_refused_without_test_images(tmp_path):
    spec = DatasetSpec("image_folder", (28, 28, 1), 100, 0, ())
    recipe = flags.train(["train", "--job_dir=x"]).recipe
    recipe = dataclasses.replace(recipe, data=spec)
    for asked in ([], ["--features=own"], ["--features=inception"]):
        settings = flags.evaluate(["evaluate", "--job_dir=x", *asked])
        with pytest.raises(RefusedError, match=r"with no test images cannot be .* --test_share"):
            protocols.check(recipe, settings.measurement.features)


def test_the_package_s_features_are_refused_for_data_that_it_does_not_know():
    recipe = flags.train(["train", "--job_dir=x", "--dataset=mnist", "--preset=mlp"]).recipe
    settings = flags.evaluate(["evaluate", "--job_dir=x", "--features=fashion"])

    with pytest.raises(RefusedError, match="not for mnist: leave --features out"):
        protocols.check(recipe, settings.measurement.features)


def test_a_run_of_another_version_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"recipe": {"flavour": "vanilla"}}')

    with pytest.raises(RefusedError, match="another version of fashion-gan"):
        evaluate.run(flags.evaluate(["evaluate", f"--job_dir={tmp_path}", "--new"]))


def test_a_run_that_is_not_writable_is_refused_before_evaluation(short, tmp_path):
    shutil.copy(short / "config.json", tmp_path)
    (tmp_path / "tensorboard").write_text("no folder")

    with pytest.raises(RefusedError, match="cannot be written to"):
        evaluate.run(flags.evaluate(["evaluate", f"--job_dir={tmp_path}", "--new"]))


def test_new_does_nothing_before_a_run_has_started(tmp_path, capsys, caplog):
    caplog.set_level("INFO", "trainer")

    evaluate.run(flags.evaluate(["evaluate", f"--job_dir={tmp_path / 'none'}", "--new"]))

    assert capsys.readouterr().out == "" and "holds no run yet" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--new", "--watch"], "leave --new out"),
        (["--new", "--checkpoint=best"], "--checkpoint=best names one checkpoint"),
        (["--num=3"], "num"),
        (["--features=vgg"], "features"),
    ],
)
def test_invalid_flags_are_refused(arguments, message):
    with pytest.raises(RefusedError, match=message):
        flags.evaluate(["evaluate", "--job_dir=x", *arguments])
