"""The newest readable checkpoint is restored, and missing or damaged ones are reported."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.command import run_forked
from tests.conftest import damage_by_flipping, finished_flags, train_flags
from trainer.runs import checkpoint_files, checkpoints
from trainer.runs.checkpoints import Checkpoints
from trainer.system import exits
from trainer.system.exits import RefusedError


def state(value: float = 0.0, size: int = 1000) -> dict[str, dict[str, tf.Variable]]:
    return {"network": {"dense/kernel": tf.Variable(tf.fill([size], value))}}


def save_three(folder: Path) -> dict[str, dict[str, tf.Variable]]:
    """Saves steps 0, 10 and 20, each with its step as the value of the variable."""
    variables = state()
    saved = Checkpoints(folder, variables, keep=3)
    for step in (0, 10, 20):
        variables["network"]["dense/kernel"].assign(tf.fill([1000], float(step)))
        saved.save(step)
    return variables


def test_a_checkpoint_is_on_the_disk_before_the_next_step(tmp_path, monkeypatch):
    """A power cut must not take it, for an older one has been removed."""
    synced = []

    def fsync(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)

    monkeypatch.setattr(os, "fsync", fsync)
    Checkpoints(tmp_path / "checkpoints", state(), keep=1).save(5)
    assert {"ckpt-5.index", "ckpt-5.data-00000-of-00001", "checkpoints"} <= set(synced)


def data_file(folder: Path, step: int) -> Path:
    return folder / f"ckpt-{step}.data-00000-of-00001"


def index_file(folder: Path, step: int) -> Path:
    return folder / f"ckpt-{step}.index"


def truncate(folder: Path) -> None:
    path = data_file(folder, 20)
    path.write_bytes(path.read_bytes()[:-500])


def empty(folder: Path) -> None:
    data_file(folder, 20).write_bytes(b"")


def remove(folder: Path) -> None:
    for path in folder.glob("ckpt-20.*"):
        path.unlink()


def flip_data(folder: Path) -> None:
    damage_by_flipping(data_file(folder, 20))


def flip_index(folder: Path) -> None:
    damage_by_flipping(index_file(folder, 20))


def empty_index(folder: Path) -> None:
    index_file(folder, 20).write_bytes(b"")


def remove_index(folder: Path) -> None:
    index_file(folder, 20).unlink()


DAMAGES = [truncate, empty, remove, flip_data, flip_index, empty_index, remove_index]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_checkpoint_is_reported_and_the_previous_one_restored(
    damage, tmp_path, caplog
):
    save_three(tmp_path)
    damage(tmp_path)
    variables = state()
    saved = Checkpoints(tmp_path, variables, keep=3)

    assert saved.restore_newest() == 10

    assert re.search("ckpt-20 is (not readable|gone)", caplog.text)
    assert float(variables["network"]["dense/kernel"][0]) == 10
    saved.save(20)
    assert Checkpoints(tmp_path, variables, keep=3).restore_newest() == 20


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\x00"])
def test_a_damaged_tensorflow_list_hides_no_checkpoint(content, tmp_path):
    variables = save_three(tmp_path)
    (tmp_path / "checkpoint").write_bytes(content)
    assert Checkpoints(tmp_path, variables, keep=3).restore_newest() == 20


def test_without_a_readable_checkpoint_restoring_fails_and_assigns_nothing(tmp_path):
    save_three(tmp_path)
    for path in tmp_path.glob("ckpt-*.data*"):
        damage_by_flipping(path)
    variables = state(7.0)
    with pytest.raises(RefusedError, match="none of the checkpoints"):
        Checkpoints(tmp_path, variables, keep=3).restore_newest()
    assert float(variables["network"]["dense/kernel"][0]) == 7


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    save_three(tmp_path)
    with pytest.raises(RefusedError, match="another network: network/dense/kernel has shape"):
        Checkpoints(tmp_path, state(size=5), keep=3).restore_newest()
    other = {"network": {"conv/kernel": tf.Variable(0.0)}}
    with pytest.raises(RefusedError, match="another version of fashion-gan: network/conv/kernel"):
        Checkpoints(tmp_path, other, keep=3).restore_newest()


def test_only_the_newest_checkpoints_are_kept_across_restarts(tmp_path):
    variables = save_three(tmp_path)
    saved = Checkpoints(tmp_path, variables, keep=2)
    saved.restore_newest()
    saved.save(30)
    assert sorted(path.name for path in tmp_path.glob("*.index")) == [
        "ckpt-20.index",
        "ckpt-30.index",
    ]


def test_the_best_checkpoint_is_kept_until_there_is_a_better_one(tmp_path):
    saved = Checkpoints(tmp_path, state(), keep=1)
    saved.save(0)
    saved.keep_best(0)
    saved.save(10)
    saved.save(20)
    assert checkpoints.steps(tmp_path) == [20]
    assert checkpoint_files.complete(tmp_path) == {
        0: tmp_path / "best" / "ckpt-0",
        20: tmp_path / "ckpt-20",
    }

    saved.keep_best(10)  # which no longer exists
    assert checkpoints.steps(tmp_path / "best") == [0]
    saved.keep_best(20)
    assert checkpoints.steps(tmp_path / "best") == [20]


def test_an_old_best_checkpoint_left_by_a_kill_is_removed(tmp_path):
    saved = Checkpoints(tmp_path, state(), keep=2)
    for step in (0, 10):
        saved.save(step)
    shutil.copytree(tmp_path, tmp_path / "best")  # killed before the removal

    saved.keep_best(10)

    assert checkpoints.steps(tmp_path / "best") == [10]


def test_a_checkpoint_contains_only_the_state_and_a_counter_equal_to_the_step(tmp_path):
    save_three(tmp_path)
    tensors = checkpoints.read(tmp_path / "ckpt-20")
    assert tensors.keys() == {"network/dense/kernel", "save_counter"}
    assert tensors["save_counter"] == 20


def test_the_files_of_a_killed_save_are_removed(tmp_path):
    variables = save_three(tmp_path)
    temporary = tmp_path / "ckpt-30_temp"
    temporary.mkdir()
    (temporary / "part-00000-of-00001.index").write_bytes(b"half")
    saved = Checkpoints(tmp_path, variables, keep=3)
    assert saved.restore_newest() == 20
    saved.save(30)
    assert not temporary.exists()


def test_data_without_an_index_are_removed(tmp_path):
    variables = save_three(tmp_path)
    index_file(tmp_path, 0).unlink()  # as after a killed removal
    saved = Checkpoints(tmp_path, variables, keep=3)
    saved.restore_newest()
    saved.save(30)
    assert not data_file(tmp_path, 0).exists()


@pytest.fixture
def finished_copy(finished, tmp_path):
    job_dir = tmp_path / "run"
    shutil.copytree(finished, job_dir)
    return job_dir


def resume(job_dir: Path, *more: str, code: int = 0) -> str:
    flags = ["--dataset=synthetic", "--batch_size=64", "--steps=131", *more]
    return run_forked(*finished_flags(job_dir), *flags, code=code).stderr


def test_a_run_with_a_damaged_newest_checkpoint_resumes_from_the_previous_one(finished_copy):
    folder = finished_copy / "checkpoints"
    before = checkpoints.read(folder / "ckpt-130")
    damage_by_flipping(data_file(folder, 130))

    log = resume(finished_copy, "--steps=130")

    assert "ckpt-130 is not readable" in log and "at step 120" in log
    after = checkpoints.read(folder / "ckpt-130")
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value)


def test_a_run_without_its_checkpoints_is_refused(finished_copy):
    shutil.rmtree(finished_copy / "checkpoints")
    assert "checkpoints are gone" in resume(finished_copy, code=exits.REFUSED)


def test_a_run_without_its_configuration_is_refused(finished_copy):
    (finished_copy / "config.json").unlink()
    assert "but no config.json to say of which run" in resume(finished_copy, code=exits.REFUSED)


def test_a_run_of_another_recipe_is_refused_with_the_differences(finished_copy):
    log = resume(finished_copy, "--seed=5", "--dropout=0.5", code=exits.REFUSED)
    assert "seed" in log and "dropout" in log and "noise_dim" not in log


def test_a_loss_that_is_not_finite_stops_the_run_before_the_next_save(tmp_path):
    flags = train_flags(tmp_path, "--dataset=synthetic", "--generator_learning_rate=1e38")

    refused = run_forked(*flags, code=exits.REFUSED)

    message = refused.stderr.splitlines()[-1]
    assert "not finite at step" in message
    assert "Traceback" not in refused.stderr
    kept = checkpoints.read_newest(tmp_path / "checkpoints")
    assert kept is not None and kept[0] == 0
    assert all(np.isfinite(value).all() for value in kept[1].values())


def saved_with_best(folder: Path, best: int) -> None:
    """Saves steps 0, 10 and 20 with the step in the state, and keeps a copy of one."""
    variables = {"training": {"step": tf.Variable(0, dtype=tf.int64)}, **state()}
    saved = Checkpoints(folder, variables, keep=3)
    for step in (0, 10, 20):
        variables["training"]["step"].assign(step)
        saved.save(step)
    saved.keep_best(best)


def restored(folder: Path) -> tuple[int | None, int]:
    variables = {"training": {"step": tf.Variable(-1, dtype=tf.int64)}, **state()}
    step = Checkpoints(folder, variables, keep=3).restore_newest()
    return step, int(variables["training"]["step"].numpy())


def test_the_best_checkpoint_stands_in_for_a_damaged_one_of_its_step(tmp_path):
    saved_with_best(tmp_path, best=20)
    flip_data(tmp_path)

    assert restored(tmp_path) == (20, 20)

    assert checkpoints.steps(tmp_path) == [0, 10, 20]
    assert checkpoints.steps(tmp_path / "best") == [20]
    assert checkpoints.steps(tmp_path / "damaged") == [20]


def test_the_best_checkpoint_is_used_when_no_other_is_readable(tmp_path):
    saved_with_best(tmp_path, best=10)
    for path in tmp_path.glob("ckpt-*.data*"):
        damage_by_flipping(path)
    assert restored(tmp_path) == (10, 10)


def test_a_renamed_checkpoint_is_not_believed(tmp_path, caplog):
    saved_with_best(tmp_path, best=0)
    for path in list(tmp_path.glob("ckpt-10.*")):
        path.rename(tmp_path / path.name.replace("-10.", "-30."))
    assert restored(tmp_path) == (20, 20)
    assert "ckpt-30 is from step 10" in caplog.text


def test_what_cannot_be_read_for_another_reason_than_damage_is_not_moved_away(tmp_path):
    saved_with_best(tmp_path, best=0)
    data_file(tmp_path, 20).unlink()
    data_file(tmp_path, 20).mkdir()  # reading it fails, as it does without permission

    with pytest.raises(RefusedError, match=r"ckpt-20.data.* cannot be read \(not a regular file\)"):
        restored(tmp_path)

    assert not (tmp_path / "damaged").exists() and index_file(tmp_path, 20).exists()


def test_finished_results_stay_until_the_run_has_gone_on(finished_copy):
    before = (finished_copy / "results" / "final.png").read_bytes()
    (finished_copy / "checkpoints" / "best").write_text("in the way")

    assert "cannot be written to" in resume(finished_copy, code=exits.REFUSED)

    assert (finished_copy / "results" / "final.png").read_bytes() == before


def test_a_damaged_copy_of_the_best_gives_way_to_a_good_one(tmp_path):
    saved_with_best(tmp_path, best=20)
    for folder in (tmp_path, tmp_path / "best"):
        flip_data(folder)
    assert restored(tmp_path) == (10, 10)
    assert checkpoints.steps(tmp_path / "best") == []


def test_a_length_that_was_changed_is_what_a_resume_without_flags_goes_on_with(finished_copy):
    run_forked("train", f"--job_dir={finished_copy}", "--steps=132")
    done = run_forked("train", f"--job_dir={finished_copy}")
    assert "is complete at step 132" in done.stderr


def test_a_checkpoint_that_its_run_replaces_while_it_is_read_is_no_damage(tmp_path, monkeypatch):
    variables = state()
    saved = Checkpoints(tmp_path, variables, keep=1)
    saved.save(10)
    read = checkpoints.read

    def replaced_first(path: Path):
        monkeypatch.setattr(checkpoints, "read", read)
        saved.save(20)
        return read(path)

    monkeypatch.setattr(checkpoints, "read", replaced_first)
    found = checkpoints.read_newest(tmp_path)
    assert found is not None and found[0] == 20
