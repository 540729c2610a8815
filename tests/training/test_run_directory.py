"""What a run removes from its directory, and what it leaves alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from tests.command import run_forked
from tests.conftest import finished_flags, train_flags
from trainer.runs import checkpoints
from trainer.system import exits
from trainer.system.exits import RefusedError
from trainer.training import run_directory

KILLED_BEFORE_ITS_RESULTS = """
import os
from trainer.training import results
results.finish = lambda *arguments: os._exit(9)
"""


@pytest.mark.parametrize("was_complete", [True, False])
def test_only_results_of_an_earlier_end_are_removed_when_a_run_goes_on(
    finished, tmp_path, was_complete
):
    job_dir = tmp_path / "run"
    shutil.copytree(finished, job_dir)
    if not was_complete:
        (job_dir / "results" / "final.png").unlink()
    asked_for = [job_dir / "models" / "generator.keras", job_dir / "results" / "loss_curves.png"]

    longer = [flag for flag in finished_flags(job_dir) if not flag.startswith("--steps=")]
    run_forked(*longer, "--steps=140", before=KILLED_BEFORE_ITS_RESULTS, code=9)

    assert [path.exists() for path in asked_for] == [not was_complete] * 2


def metrics_of_another_program(folder: Path) -> None:
    (folder / "metrics.jsonl").write_text(json.dumps({"global_step": 1}) + "\n")


def events_of_another_program(folder: Path) -> None:
    with tf.summary.create_file_writer(str(folder / "tensorboard" / "train")).as_default(step=3):
        tf.summary.scalar("loss", 1.0)


def a_model_of_others(folder: Path) -> None:
    (folder / "models").mkdir()
    (folder / "models" / "generator.h5").write_bytes(b"learnt")


def grids_without_their_run(folder: Path) -> None:
    (folder / "results").mkdir()
    (folder / "results" / "epoch_00007.png").write_bytes(b"seen")


@pytest.mark.parametrize(
    "put",
    [
        metrics_of_another_program,
        events_of_another_program,
        grids_without_their_run,
    ],
)
def test_a_folder_with_records_of_others_is_not_taken_for_empty(put, tmp_path):
    put(tmp_path)
    with pytest.raises(RefusedError, match="to say of which run: restore it, or choose"):
        run_directory.check_is_empty(tmp_path)


def test_a_new_run_touches_no_results_of_others(tmp_path):
    a_model_of_others(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    refused = run_forked(*finished_flags(tmp_path), code=exits.REFUSED)

    assert "to say of which run: restore it, or choose another folder" in refused.stderr
    assert all(path.read_bytes() == content for path, content in before.items())


MOVED_WHILE_IT_TRAINS = """
import os, signal, time
from trainer.training import callbacks
training = callbacks.training
def moved(*arguments, **options):
    train = training(*arguments, **options)
    def trained(step, count):
        means = train(step, count)
        if step == 4:
            os.rename({folder!r}, {folder!r} + "-kept")
            {then}
        return means
    return trained
callbacks.training = moved
"""


@pytest.mark.parametrize("then", ["", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.5)"])
def test_a_run_that_is_moved_while_it_trains_ends_and_is_whole(then, tmp_path):
    job_dir, kept = tmp_path / "run", tmp_path / "run-kept"
    given = ["--dataset=synthetic", "--batch_size=20", "--checkpoint_interval=2", "--steps=8"]
    moved = MOVED_WHILE_IT_TRAINS.format(folder=str(job_dir), then=then)
    done = run_forked(*train_flags(job_dir, *given), before=moved, code=exits.REFUSED)
    assert f"--job_dir={job_dir} was moved or removed" in done.stderr.splitlines()[-1]
    assert not job_dir.exists()
    newest = checkpoints.read_newest(kept / "checkpoints")
    assert newest is not None and newest[0] == 4
    if not then:
        assert "at step 4" in run_forked(*train_flags(kept, *given)).stderr
