"""Runs of more and more steps: what they write and send, and how long it takes to take them up."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STEPS = (1_000, 5_000, 25_000)
GIVEN = ("--preset=mlp", "--batch_size=8", "--dataset=synthetic", "--evaluation_interval=0")
# Saved and drawn as often as in a run of half a million images.
EVERY = ("--checkpoint_interval=5000", "--save_interval=10")

Answer = dict[str, float]


def measure(folder: Path, steps: tuple[int, ...] = STEPS) -> dict[str, dict[str, Any]]:
    """By the number of steps: seconds of the run and to take it up, bytes that it keeps and sends.

    What it sends at its last checkpoint it sends to an emulated bucket, of the tests' environment.
    """
    return {str(number): _of_length(folder / str(number), number) for number in steps}


def command(job_dir: Path | str, steps: int) -> list[str]:
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
        **_sent(steps),
    }


def _sent(steps: int) -> Answer:
    """Bytes that a bucket is sent at the last checkpoint: of the checkpoint, and of all else."""
    from scripts.checks import emulated_bucket

    with emulated_bucket.started() as storage:
        _seconds(command(f"gs://{emulated_bucket.BUCKET}/run", steps), storage.environment)
    sent = [each for each in storage.requests if each.method == "POST" and each.object_name]
    # Each ends with the file that names the newest one.
    *earlier, end = [at for at, each in enumerate(sent) if each.object_name.endswith("/checkpoint")]
    last = sent[earlier[-1] + 1 if earlier else 0 : end + 1]
    of_checkpoint = sum(each.size for each in last if "/checkpoints/" in each.object_name)
    everything = sum(each.size for each in last)
    return {"checkpoint_bytes": of_checkpoint, "others_bytes": everything - of_checkpoint}


def _seconds(arguments: list[str], environment: Mapping[str, str] | None = None) -> float:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "trainer", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        raise SystemExit(f"{shlex.join(arguments)} failed: {done.stderr[-2000:]}")
    return time.monotonic() - started
