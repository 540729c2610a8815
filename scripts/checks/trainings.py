"""Trainings on `synthetic` that the checks start in forked children and watch."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from scripts.checks import children
from trainer import __main__, run_layout
from trainer.configuration import flags
from trainer.configuration.config import Recipe
from trainer.data import loading
from trainer.runs import records

NOTHING: Mapping[str, str] = {}


class Failed(Exception):
    """A check's reason."""


def recipe(*given: str) -> Recipe:
    """What these flags of `train` stand for."""
    return flags.train(["train", "--job_dir=unused", "--dataset=synthetic", *given]).recipe


def examples(of: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """The training images of a recipe on `synthetic`, and their labels."""
    return loading.load(of.data, "train", Path("unused"), Path("unused"))


def start(job_dir: Path, preset: str, *more: str, environment: Mapping[str, str] = NOTHING) -> int:
    """Starts a training in a forked child, whose log is beside its folder; the child's pid."""
    job_dir.parent.mkdir(parents=True, exist_ok=True)
    arguments = [
        *("train", f"--job_dir={job_dir}", f"--preset={preset}", "--dataset=synthetic"),
        *("--batch_size=64", "--evaluation_interval=0", "--steps_per_loop=1"),
        *("--checkpoint_interval=10", *more),
    ]

    def run() -> int:
        os.environ.update(environment)  # CUDA reads them when it is first used
        return __main__.main(arguments)

    return children.start(Path(f"{job_dir}.log"), run)


def wait(pid: int) -> int:
    """The exit code of a child, once it has ended."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def train(job_dir: Path, preset: str, *more: str, environment: Mapping[str, str] = NOTHING) -> None:
    """Trains to the end.

    Raises:
      Failed: with the exit code.
    """
    if code := wait(start(job_dir, preset, *more, environment=environment)):
        raise Failed(f"exit code {code}, see {job_dir}.log")


def begin_and_kill(job_dir: Path, preset: str, step: int, *more: str) -> None:
    """Trains, and is killed once the checkpoint of that step is there."""
    pid = start(job_dir, preset, *more)
    wait_for(pid, lambda: (job_dir / f"checkpoints/ckpt-{step}.index").exists())
    os.kill(pid, signal.SIGKILL)
    wait(pid)


def wait_for(pid: int, happened: Callable[[], bool]) -> None:
    """Returns once that has happened.

    Raises:
      Failed: the child has ended before.
    """
    while not happened():
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            raise Failed("a run ended too early")
        time.sleep(0.02)


def lines(job_dir: Path) -> list[dict[str, float]]:
    """The records of a run."""
    return records.read_lines(job_dir / run_layout.METRICS)


def last_step(job_dir: Path) -> int:
    """The last step that is recorded."""
    return records.last_step(job_dir / run_layout.METRICS)
