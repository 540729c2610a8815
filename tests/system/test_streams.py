"""What informs stops nothing: streams that are closed, full, or that nobody reads any more."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command import ROOT, Forked, run_forked, start_forked
from tests.conftest import train_flags
from trainer.runs import checkpoints
from trainer.system import exits

ENDLESS = ["--dataset=synthetic", "--steps=100000", "--checkpoint_interval=100000"]


def wait_for_records(process: Forked, job_dir: Path) -> None:
    """Returns when the run has recorded three loops more."""
    before = recorded(job_dir)
    while recorded(job_dir) < before + 3:
        assert process.poll() is None
        time.sleep(0.05)


def recorded(job_dir: Path) -> int:
    records = job_dir / "metrics.jsonl"
    return records.read_text().count("\n") if records.exists() else 0


def saved_step(job_dir: Path) -> int:
    newest = checkpoints.read_newest(job_dir / "checkpoints")
    assert newest is not None
    return newest[0]


def test_a_run_whose_log_has_no_reader_any_more_saves_as_its_terminal_goes(tmp_path):
    process = start_forked(
        *train_flags(tmp_path, *ENDLESS),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # The tests themselves may run under `nohup`.
        before="import signal\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)",
    )
    try:
        wait_for_records(process, tmp_path)
        assert process.stdout is not None
        process.stdout.close()  # as `tee` does, which the same Ctrl-C ends

        process.send_signal(signal.SIGHUP)

        assert process.wait(60) == exits.INTERRUPTED
    finally:
        process.kill()
    assert saved_step(tmp_path) > 0


def test_a_run_whose_log_is_full_saves_at_a_signal_and_by_nohup_a_closed_terminal_is_none(tmp_path):
    nohup = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)"
    with open("/dev/full", "w") as full:
        flags = train_flags(tmp_path, *ENDLESS, "--steps_per_loop=20")
        process = start_forked(*flags, stdout=full, stderr=full, before=nohup)
        wait_for_records(process, tmp_path)
        process.send_signal(signal.SIGHUP)
        wait_for_records(process, tmp_path)  # it goes on
        process.terminate()
        assert process.wait(60) == exits.INTERRUPTED
    assert saved_step(tmp_path) > 0


@pytest.mark.parametrize("asked", ["--version", "--help", "presets"])
def test_a_full_disk_for_what_is_told_is_said_in_a_line(asked):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "trainer", asked], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == exits.REFUSED
    assert done.stderr.count("\n") == 1 and "No space left on device" in done.stderr


def test_a_run_whose_log_nobody_reads_saves_at_a_signal(tmp_path):
    read_end, write_end = os.pipe()
    room = fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    os.write(write_end, bytes(room))
    with open(read_end, "rb"), open(write_end, "wb") as unread:
        process = start_forked(*train_flags(tmp_path, *ENDLESS), stdout=unread, stderr=unread)
        wait_for_records(process, tmp_path)
        process.terminate()
        assert process.wait(60) == exits.INTERRUPTED
    assert saved_step(tmp_path) > 0


@pytest.mark.slow
def test_a_run_with_all_streams_closed_trains(tmp_path):
    flags = train_flags(tmp_path / "run", "--dataset=synthetic", "--steps=2")
    closed = 'exec "$@" <&- >&- 2>&-'
    done = subprocess.run(
        ["sh", "-c", closed, "sh", sys.executable, "-m", "trainer", *flags], cwd=ROOT, timeout=300
    )
    assert done.returncode == exits.OK
    assert (tmp_path / "run" / "results" / "final.png").exists()


def test_a_command_whose_reader_has_seen_enough_ends_quietly():
    piped = f"{sys.executable} -m trainer presets | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", piped], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[1:] == ["0"] and not done.stderr


def test_an_evaluation_whose_reader_is_gone_is_recorded(finished, tmp_path):
    job_dir = shutil.copytree(finished, tmp_path / "run")
    asked = ["evaluate", f"--job_dir={job_dir}", "--num=20", "--seed=7"]
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "w") as gone:
        process = start_forked(*asked, stdout=gone)
        assert process.wait(300) == exits.OK
    lines = (job_dir / "evaluations.jsonl").read_text().splitlines()
    assert any(json.loads(line)["seed"] == 7 for line in lines)


def test_a_defect_shows_its_traceback():
    broken = "from trainer.configuration import presets\npresets.names = None"
    done = run_forked("presets", before=broken, code=exits.DEFECT)
    assert done.stderr.splitlines()[-1] == "TypeError: 'NoneType' object is not callable"


def test_a_line_that_is_written_while_another_is_does_not_wait_for_itself():
    # As a finalizer does that the garbage collector runs in the middle of a write.
    nested = (
        "import gc, logging, sys\nfrom trainer.system import streams\n"
        "streams.install(logging.StreamHandler())\ngc.set_threshold(1)\n"
        "class Talks:\n"
        "  def __init__(self): self.me = self\n"
        "  def __del__(self): sys.stderr.write('gone\\n')\n"
        "for _ in range(20000):\n  Talks()\n  sys.stderr.write('line\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", nested], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "line" in done.stderr and "gone" in done.stderr
