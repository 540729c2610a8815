"""Full disks, missing permissions and wrong kinds of files: one line, 64, and nothing lost."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tensorflow as tf

from tests.command import run_forked
from tests.conftest import finished_flags, train_flags
from trainer.data import prepared
from trainer.runs import checkpoints
from trainer.system import exits, file_errors, file_system, machine, unfinished


def last_line(log: str) -> str:
    assert "Traceback" not in log
    return log.splitlines()[-1]


@pytest.fixture
def small_disk(tmp_path):
    """A file system that has room for one checkpoint and a half."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", folder]).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_the_run_with_what_was_saved(small_disk):
    flags = train_flags(small_disk / "run", "--dataset=synthetic", "--steps=20")

    log = run_forked(*flags, code=exits.REFUSED).stderr

    assert "No space left on device" in last_line(log) and "make room" in last_line(log)
    newest = checkpoints.read_newest(small_disk / "run" / "checkpoints")
    assert newest is not None and newest[0] == 0


def test_a_disk_that_fills_up_loses_no_checkpoint_and_the_run_goes_on(small_disk, tmp_path):
    job_dir = tmp_path / "run"
    flags = ["--dataset=synthetic", "--checkpoint_interval=5", "--keep_checkpoints=1"]
    run_forked(*train_flags(job_dir, *flags, "--steps=10"))
    folder = job_dir / "checkpoints"
    shutil.move(folder, small_disk / "checkpoints")
    folder.symlink_to(small_disk / "checkpoints")
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - 4096))

    log = run_forked(*train_flags(job_dir, *flags, "--steps=20"), code=exits.REFUSED).stderr

    assert "No space left on device" in last_line(log)
    newest = checkpoints.read_newest(folder)
    assert newest is not None and newest[0] == 10
    folder.unlink()
    shutil.copytree(small_disk / "checkpoints", folder)  # where there is room
    assert "at step 10" in run_forked(*train_flags(job_dir, *flags, "--steps=20")).stderr


def test_a_file_system_that_fails_for_a_while_is_worth_another_run(tmp_path):
    number = errno.ETIMEDOUT
    fails = f"""
import os
from trainer.monitoring.model_monitor import ModelMonitor
class Failing:
    def __init__(self, file):
        self.name, self.write = file.name, file.write
    def flush(self):
        raise OSError({number}, os.strerror({number}))
    close = flush  # which would write it, too
begun = ModelMonitor.record_start
def with_failing_records(self, *arguments):
    begun(self, *arguments)
    self._metrics = Failing(self._metrics)
ModelMonitor.record_start = with_failing_records
"""
    flags = train_flags(tmp_path / "run", "--dataset=synthetic", "--steps=2")
    said = last_line(run_forked(*flags, before=fails, code=exits.INTERRUPTED).stderr)
    assert "metrics.jsonl cannot be used" in said and os.strerror(number) in said
    stale = file_errors.refusal(OSError(errno.ESTALE, os.strerror(errno.ESTALE), "/runs/a/x"))
    assert isinstance(stale, exits.InterruptedRun)


def test_a_folder_without_locks_is_refused_by_its_name(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(file_system.fcntl, "flock", flock)
    with pytest.raises(OSError) as raised, file_system.locked(tmp_path, "job_dir"):
        pass
    refused = file_errors.refusal(raised.value)
    assert isinstance(refused, exits.RefusedError)
    assert f"{tmp_path} cannot be used" in str(refused) and "no locks" in str(refused)


HERE = os.uname().nodename


@pytest.mark.parametrize(
    ("holder", "is_here"),
    [
        ("pid 9 on another-machine", False),
        (f"pid 9 on {HERE}", True),
        (f"pid 9 on {HERE}\nanother-start", False),  # a pod that replaces another has its name
        (f"pid 9 on another-container\n{machine.boot_id()}", bool(machine.boot_id())),
    ],
)
def test_a_lock_of_another_machine_may_be_that_of_one_which_is_gone(
    holder, is_here, tmp_path, monkeypatch
):
    """A file server keeps it for a while."""
    monkeypatch.setattr(file_system, "OTHER_HOSTS_LOCK_SECONDS", 60.0)
    (tmp_path / ".lock").write_text(f"{holder}\n")
    with open(tmp_path / ".lock", "a+") as file:
        file_system.fcntl.flock(file, file_system.fcntl.LOCK_EX)
        ends = threading.Timer(
            0.5, lambda: file_system.fcntl.flock(file, file_system.fcntl.LOCK_UN)
        )
        ends.start()
        if not is_here:
            with file_system.locked(tmp_path, "job_dir", 0.1):
                pass
        else:
            with pytest.raises(exits.RefusedError, match=re.escape(f"({holder.splitlines()[0]})")):
                with file_system.locked(tmp_path, "job_dir", 0.1):
                    pass
        ends.join()


def test_a_lock_in_a_folder_that_was_removed_is_not_that_of_the_folder_made_anew(tmp_path):
    folder, refused = tmp_path / "run", []

    def waits() -> None:
        try:
            with file_system.locked(folder, "job_dir", 1.0):
                pass
        except exits.RefusedError as error:
            refused.append(error)

    with contextlib.ExitStack() as first, contextlib.ExitStack() as third:
        folder.mkdir()
        first.enter_context(file_system.locked(folder, "job_dir"))
        second = threading.Thread(target=waits)
        second.start()
        shutil.rmtree(folder)
        folder.mkdir()
        third.enter_context(file_system.locked(folder, "job_dir"))
        first.close()
        second.join()
    assert refused and "is being written by another process" in str(refused[0])


def test_who_prepares_data_ends_by_itself_and_is_waited_for_by_another_run(tmp_path, monkeypatch):
    monkeypatch.setattr(prepared, "_LOCK_TIMEOUT_SECONDS", 0.1)
    with prepared.locked(tmp_path), pytest.raises(exits.InterruptedRun, match=r"run again$"):
        with prepared.locked(tmp_path):
            pass


def test_storage_that_hangs_keeps_nobody_from_leaving():
    leaves = (
        "import time; from trainer.system import signals, unfinished;"
        "unfinished.remove_written = lambda: time.sleep(600); signals.exit_now('gone')"
    )
    left = subprocess.run([sys.executable, "-c", leaves], capture_output=True, timeout=120)
    assert left.returncode == exits.INTERRUPTED


def test_a_mount_that_is_not_back_yet_is_worth_another_run(tmp_path, monkeypatch):
    def stale(*_, **__):
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(Path, "mkdir", stale)
    with pytest.raises(exits.InterruptedRun, match=r"--job_dir=.* cannot be written to"):
        file_system.make_folder(tmp_path / "run", "job_dir")


WRONG_KINDS = {
    "restarts": lambda path: path.mkdir(),
    "metrics.jsonl": lambda path: (path.unlink(), os.mkfifo(path)),
    "config.json": lambda path: (path.unlink(), os.mkfifo(path)),
    "tensorboard/train/events.out.tfevents.9": os.mkfifo,
    "results": lambda path: (shutil.rmtree(path), path.write_text("a file")),
    "models": lambda path: (shutil.rmtree(path), path.symlink_to("/nowhere/at/all")),
}


@pytest.mark.parametrize("name", WRONG_KINDS)
def test_a_wrong_kind_of_file_in_a_run_directory_is_refused(name, finished, tmp_path):
    job_dir = tmp_path / "run"
    shutil.copytree(finished, job_dir)
    path = job_dir / name
    if name == "restarts":
        path.unlink(missing_ok=True)
    WRONG_KINDS[name](path)

    log = run_forked(*finished_flags(job_dir), "--steps=131", code=exits.REFUSED).stderr

    assert name in last_line(log)


def test_a_pipe_in_place_of_the_list_of_checkpoints_is_replaced(finished, tmp_path):
    job_dir = tmp_path / "run"
    shutil.copytree(finished, job_dir)
    path = job_dir / "checkpoints" / "checkpoint"
    path.unlink()
    os.mkfifo(path)

    log = run_forked(*finished_flags(job_dir), "--steps=131").stderr

    assert "checkpoint is damaged" in log and "at step 130" in log
    assert "ckpt-131" in path.read_text()


def test_files_that_look_unfinished_and_are_a_user_s_stay(tmp_path):
    names = (".partial-x.zip", ".partial-", ".partial-12x-a")
    for name in names:
        (tmp_path / name).write_text("a user's")
    (tmp_path / ".partial-999999999-.png").write_text("ours, and its process is gone")
    unfinished.remove_left_over(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_what_processes_of_one_number_write_in_one_folder_is_their_own(tmp_path):
    pid, here = os.getpid(), unfinished._host()
    begun = unfinished.partial_prefix()
    assert unfinished.partial_prefix() != begun  # two threads, too
    (tmp_path / f"{begun}.npy").write_text("of this process")
    (tmp_path / f".partial-{pid}-{here}-00000000-0-.npy").write_text("of this container's last one")
    (tmp_path / f".partial-{pid}-00000000-00000000-0-.npy").write_text("of another pod's")
    (tmp_path / f".partial-{pid}-11111111-00000000-0-.npy").write_text("of one that is long gone")
    os.utime(tmp_path / f".partial-{pid}-11111111-00000000-0-.npy", (0, 0))

    unfinished.remove_left_over(tmp_path)

    left = {path.read_text() for path in tmp_path.iterdir()}
    assert left == {"of this process", "of another pod's"}


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EISDIR, errno.EIO]
)
@pytest.mark.parametrize("path", ["/runs/a/x", "runs/a/x", "my runs/a/x"])
def test_errors_of_python_and_tensorflow_name_the_path(path, number):
    reason = os.strerror(number)
    operation = "{{function_node __wrapped__SaveV2_device_/job:a/CPU:0}} "
    for error in (
        OSError(number, reason, path),
        tf.errors.ResourceExhaustedError(None, None, f"{operation}{path}; {reason}"),
        tf.errors.UnknownError(None, None, f"{path}; {reason}\n{operation}"),
    ):
        refused = file_errors.refusal(error)
        assert str(refused).startswith(f"{path} cannot be used ({reason}): ")


def test_other_errors_are_defects():
    for error in (ValueError("x"), OSError("x"), tf.errors.InvalidArgumentError(None, None, "x")):
        assert file_errors.refusal(error) is None
    assert isinstance(file_errors.refusal(FileNotFoundError(2, "", Path("x"))), exits.RefusedError)


def test_a_fork_writes_under_names_of_its_own():
    begun = unfinished.partial_prefix()
    read_end, write_end = os.pipe()
    if not (pid := os.fork()):
        os.write(write_end, unfinished._drawn(os.getpid()).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read_end, 8).decode() not in begun
