"""A run killed at moments that a kill at random rarely meets ends with the same bits."""

from __future__ import annotations

import dataclasses
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.command import run_forked, start_forked
from tests.conftest import train_flags
from tests.system.test_resume import assert_same_run
from trainer import run_layout

# Where a process can be killed on the way of a checkpoint or of the trimming: the function, and the
# name of the file with which it is called; of TensorFlow's, the number of the call.
FATAL_CALLS = {
    "while a checkpoint's files are written": ("tf.train.Checkpoint", "_write", 2),
    "between a checkpoint and TensorFlow's record of it": (
        "tf.train.CheckpointManager",
        "_record_state",
        2,
    ),
    "after a checkpoint, before an old one is removed": ("tf.train.CheckpointManager", "_sweep", 3),
    "while TensorFlow's record is brought in line": ("file_system", "write_text", "checkpoint"),
    "while metrics.jsonl is replaced": ("Path", "replace", run_layout.METRICS),
    "while an event file is replaced": ("Path", "replace", "events.out.tfevents.*"),
    "while event files are written again": ("tf.io.TFRecordWriter", "write", 5),
    "while the first grid is drawn": ("image_files", "write_png", Path(run_layout.grid(0)).name),
}
DYING = """
import fnmatch, os, threading, time
from pathlib import Path
import tensorflow as tf
from trainer.monitoring import image_files
from trainer.system import file_system
owner, name, fatal = {owner}, {name!r}, {fatal!r}
original, calls = getattr(owner, name), 0
def is_the_moment(arguments):
    if isinstance(fatal, int):
        return calls == fatal
    paths = (each for each in arguments if isinstance(each, Path))
    return any(fnmatch.fnmatch(path.name, fatal) for path in paths)
def dying(*arguments, **options):
    global calls
    calls += 1
    if is_the_moment(arguments):
        threading.Thread(target=lambda: (time.sleep({seconds}), os.kill(os.getpid(), 9))).start()
        time.sleep({before})
    return original(*arguments, **options)
setattr(owner, name, dying)
"""


# Others of their kind are tried more often.
SLOW = (
    "after a checkpoint, before an old one is removed",
    "while TensorFlow's record is brought in line",
    "while metrics.jsonl is replaced",
    "while an event file is replaced",
)


@pytest.mark.parametrize(
    "moment",
    [pytest.param(each, marks=pytest.mark.slow if each in SLOW else ()) for each in FATAL_CALLS],
)
def test_a_run_killed_at_a_delicate_moment_ends_with_the_same_bits(
    moment, reference_of_short_runs, tmp_path
):
    job_dir = tmp_path / "run"
    if "first" not in moment:
        shutil.copytree(reference_of_short_runs.begun, job_dir)
    owner, name, fatal = FATAL_CALLS[moment]
    inside = "checkpoint's files" in moment  # else: just before the call
    code = DYING.format(
        owner=owner,
        name=name,
        fatal=fatal,
        seconds=0.004 if inside else 0,
        before=0 if inside else 9,
    )

    reached = -signal.SIGKILL  # it is killed nowhere else
    run_forked(*short_flags(job_dir), before=code, code=reached)
    run_forked(*short_flags(job_dir))

    assert_same_run(job_dir, reference_of_short_runs.finished, steps=40)


@dataclasses.dataclass
class ShortRuns:
    """A run that was left alone, and one that was killed with records after its checkpoint."""

    finished: Path
    begun: Path


def short_flags(job_dir: Path) -> list[str]:
    common = ["--dataset=synthetic", "--batch_size=20", "--steps=40", "--steps_per_loop=2"]
    return train_flags(job_dir, *common, "--checkpoint_interval=8", "--keep_checkpoints=2")


@pytest.fixture(scope="module")
def reference_of_short_runs(tmp_path_factory) -> ShortRuns:
    folder = tmp_path_factory.mktemp("short")
    runs = ShortRuns(folder / "finished", folder / "begun")
    run_forked(*short_flags(runs.finished))
    process = start_forked(*short_flags(runs.begun))
    records = runs.begun / "metrics.jsonl"
    while not (records.exists() and '"step": 12,' in records.read_text()):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    return runs
