"""Runs of more and more steps: what they write, and how long it takes to take them up."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STEPS = (1_000, 10_000, 100_000)
GIVEN = ("--preset=mlp", "--batch_size=8", "--dataset=synthetic", "--evaluation_interval=0")
# Saved and drawn as often as in a run of half a million images.
EVERY = ("--checkpoint_interval=5000", "--save_interval=10")

Answer = dict[str, float]


def measure(folder: Path, steps: tuple[int, ...] = STEPS) -> dict[str, dict[str, Any]]:
    """By the number of steps: seconds of the run, bytes of its records, seconds to take it up."""
    return {str(number): _of_length(folder / str(number), number) for number in steps}


def command(job_dir: Path, steps: int) -> list[str]:
    """The training; the same command again takes it up, and finds nothing left to do."""
    return ["train", f"--job_dir={job_dir}", f"--steps={steps}", *GIVEN, *EVERY]


def _of_length(job_dir: Path, steps: int) -> Answer:
    seconds = _seconds(command(job_dir, steps))
    longer = _seconds(command(job_dir, steps + 1))
    return {
        "seconds": seconds,
        "resumed_seconds": longer,
        "metrics_bytes": (job_dir / "metrics.jsonl").stat().st_size,
        "event_bytes": sum(each.stat().st_size for each in (job_dir / "tensorboard").rglob("*.*")),
        "checkpoint_bytes": _of_newest(job_dir / "checkpoints"),
    }


def _of_newest(folder: Path) -> int:
    newest = max(folder.glob("ckpt-*.index"), key=lambda path: path.stat().st_mtime_ns)
    return sum(each.stat().st_size for each in folder.glob(f"{newest.stem}.*"))


def _seconds(arguments: list[str]) -> float:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "trainer", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{shlex.join(arguments)} failed: {done.stderr[-2000:]}")
    return time.monotonic() - started
