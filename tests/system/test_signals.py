"""Signals: save and leave with 143; a second interrupt leaves at once; as PID 1 too."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.command import Forked, Process, run_forked, start_forked, start_process
from tests.conftest import train_flags
from trainer.runs import checkpoints
from trainer.system import exits

ENDLESS = ["--dataset=synthetic", "--steps=100000", "--checkpoint_interval=100000"]


@pytest.fixture
def namespace() -> tuple[str, ...]:
    """What makes the command PID 1, for which signals have no default action."""
    before = ("unshare", "--pid", "--fork", "--kill-child")
    if not shutil.which("unshare") or subprocess.run([*before, "true"]).returncode:
        pytest.skip("needs the right to make a PID namespace")
    return before


def fork(job_dir: Path) -> Forked:
    """Starts an endless training, and returns when it has trained some steps."""
    flags = train_flags(job_dir, *ENDLESS)
    return trained_some(start_forked(*flags, stderr=subprocess.PIPE), job_dir)


def trained_some(process: Any, job_dir: Path) -> Any:
    records = job_dir / "metrics.jsonl"
    while not records.exists() or records.read_text().count("\n") < 3:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_leaves_with_143(number, tmp_path):
    process = fork(tmp_path)

    process.send_signal(number)
    log = process.communicate(timeout=60)[1]

    assert process.returncode == exits.INTERRUPTED
    assert "interrupted and saved at step" in log.splitlines()[-1]
    newest = checkpoints.read_newest(tmp_path / "checkpoints")
    assert newest is not None and newest[0] > 0
    assert log.splitlines()[-1].split("at step ")[1].startswith(f"{newest[0]}:")


SAYS_WHAT_IT_DOES = """
import sys
from trainer.system import activity
now = activity.now

def say(what):
    now(what)
    sys.stderr.write(f"now {what}\\n")

activity.now = say
"""


def test_a_second_interrupt_leaves_at_once_without_saving(tmp_path):
    # Begun on its last loop of one step, the run goes on with one of 20,000, which takes long.
    longer = [*ENDLESS, "--save_interval=100000"]
    run_forked(*train_flags(tmp_path, *longer, "--steps=1"))
    process = start_forked(
        *train_flags(tmp_path, *longer, "--steps_per_loop=50000"),
        stderr=subprocess.PIPE,
        before=SAYS_WHAT_IT_DOES,
    )
    assert process.stderr is not None
    assert any(line.startswith("now training from step 1 to") for line in process.stderr)

    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)

    log = process.communicate(timeout=10)[1]
    assert process.returncode == exits.INTERRUPTED
    assert "second interrupt" in log
    assert checkpoints.newest_known_step(tmp_path / "checkpoints") == 1


HANGS_ON_WRITING = """
import numpy as np, sys, time
save = np.savez_compressed

def hang(path, **fields):
    save(path, **fields)
    sys.stderr.write("written\\n")
    time.sleep(60)

np.savez_compressed = hang
"""


def test_a_signal_leaves_nothing_unfinished_behind(finished, tmp_path):
    command = ("generate", f"--job_dir={finished}", f"--output={tmp_path / 'x.npz'}", "--num=1")
    process = start_forked(*command, stderr=subprocess.PIPE, before=HANGS_ON_WRITING)
    assert process.stderr is not None
    assert any("written" in line for line in process.stderr)
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == exits.INTERRUPTED
    assert not list(tmp_path.iterdir())


def test_a_signal_during_start_up_leaves_at_once(tmp_path):
    process = start_process(*train_flags(tmp_path, *ENDLESS), stderr=subprocess.PIPE)
    while not (tmp_path / ".lock").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=10)[1]
    assert process.returncode == exits.INTERRUPTED
    assert "outside the training loop" in log


def test_as_pid_1_too(namespace, tmp_path):
    process = start_process(
        *train_flags(tmp_path, *ENDLESS), before=namespace, stderr=subprocess.PIPE
    )
    trained_some(process, tmp_path)

    os.kill(only_child(process), signal.SIGTERM)
    log = process.communicate(timeout=60)[1]

    assert "interrupted and saved at step" in log
    assert process.returncode == exits.INTERRUPTED


def test_a_signal_after_the_result_changes_no_exit_code(tmp_path):
    process = fork(tmp_path)
    process.terminate()
    assert process.stderr is not None
    for line in process.stderr:
        if "interrupted and saved" in line:
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
            process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == exits.INTERRUPTED


def test_two_jobs_cannot_write_one_run_directory(tmp_path):
    process = fork(tmp_path)
    process.send_signal(signal.SIGSTOP)  # it holds its lock, and leaves the cores to the others
    refused = run_forked(*train_flags(tmp_path, *ENDLESS), code=exits.REFUSED)
    assert f"pid {process.pid} on" in refused.stderr
    process.kill()
    process.communicate()
    run_forked(*train_flags(tmp_path, *ENDLESS, "--steps=1"))  # the lock died with its process


@pytest.mark.parametrize("command", ["train", "evaluate"])
@pytest.mark.parametrize("seconds", [0.2, 1])
def test_a_signal_just_after_the_start_is_never_lost(command, seconds, finished, tmp_path):
    job_dir = ["--job_dir", str(finished if command == "evaluate" else tmp_path)]
    more = ENDLESS if command == "train" else ["--num=1000000"]
    process = start_process(command, *job_dir, *more, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.terminate()
    assert process.wait(60) in (-signal.SIGTERM, exits.INTERRUPTED)


@pytest.mark.parametrize("seconds", [0, 0.5])
def test_as_pid_1_it_ends_by_a_signal_while_it_imports(seconds, namespace, tmp_path):
    process = start_process(
        *train_flags(tmp_path, *ENDLESS), before=namespace, stderr=subprocess.PIPE
    )
    child = only_child(process)
    while not catches(child, signal.SIGTERM):
        time.sleep(0.002)
    time.sleep(seconds)
    os.kill(child, signal.SIGTERM)
    log = process.communicate(timeout=60)[1]
    assert process.returncode == exits.INTERRUPTED
    assert "SIGTERM outside the training loop" in log


def test_a_signal_that_is_blocked_at_first_waits_for_the_handlers(tmp_path):
    # As when a process starts itself anew: the new image has the mask of the thread that starts it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        process = start_process(*train_flags(tmp_path, *ENDLESS), stderr=subprocess.PIPE)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    process.terminate()
    log = process.communicate(timeout=60)[1]
    assert process.returncode == exits.INTERRUPTED
    assert "SIGTERM outside the training loop" in log


def only_child(process: Process) -> int:
    """The child's id, once there is one."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (ids := children.read_text().split()):
        assert process.poll() is None
        time.sleep(0.002)
    return int(ids[0])


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    (caught,) = re.findall(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(caught, 16) >> (number - 1) & 1)


HANGS_IN_ITS_SAVE = """
import os, signal, time
from trainer.runs.checkpoints import Checkpoints
from trainer.system import signals
signals.GRACE_SECONDS = 1.0
save = Checkpoints.save
def hangs(self, step):
    if step:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(300)
    save(self, step)
Checkpoints.save = hangs
"""


def test_a_save_that_hangs_is_left_before_the_system_kills_the_process(tmp_path):
    flags = train_flags(tmp_path, "--dataset=synthetic", "--steps=20")
    said = run_forked(*flags, before=HANGS_IN_ITS_SAVE, code=exits.INTERRUPTED).stderr
    assert "not stopped within 1 s of the signal" in said.splitlines()[-1]
    newest = checkpoints.read_newest(tmp_path / "checkpoints")
    assert newest is not None and newest[0] == 0
