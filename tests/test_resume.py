"""Interrupted equals uninterrupted, bit for bit."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, assert_same_bits, command, run, train_flags
from trainer import checkpoints, exits

STEPS = 120
VARIANTS = {
    "float32": [],
    "two_replicas": ["--virtual_devices=2"],
    "bfloat16": ["--precision=bfloat16"],
}


def flags_of(job_dir: Path, variant: str) -> list[str]:
    # Short loops and frequent saves: many places to be killed in.
    common = [f"--steps={STEPS}", "--batch_size=16", "--checkpoint_interval=5"]
    return train_flags(job_dir, *common, "--steps_per_loop=2", *VARIANTS[variant])


def interrupt(job_dir: Path, variant: str, number: int, seconds: float, training: bool) -> int:
    """Starts the run, sends it a signal, and returns its exit code.

    Args:
      job_dir: the run directory.
      variant: which flags.
      number: the signal.
      seconds: when to send it.
      training: count these seconds from the first new record, else from the start.
    """
    records = job_dir / "metrics.jsonl"
    with open(job_dir.with_suffix(".log"), "a") as log:
        process = subprocess.Popen(
            command(*flags_of(job_dir, variant)), cwd=ROOT, stdout=log, stderr=log
        )
    if training:
        started = records.stat().st_mtime_ns if records.exists() else 0
        cut = False  # the resume rewrites the records before it adds to them
        while process.poll() is None:
            now = records.stat() if records.exists() else None
            if now and now.st_mtime_ns != started:
                if cut or not started:
                    break
                cut, started = True, now.st_mtime_ns
            time.sleep(0.005)
    time.sleep(seconds)
    process.send_signal(number)
    return process.wait(timeout=60)


@pytest.fixture(scope="module", params=VARIANTS)
def uninterrupted(request, data_dir, tmp_path_factory):
    """A variant's name and the final checkpoint of a run that was left alone."""
    job_dir = tmp_path_factory.mktemp("uninterrupted") / "run"
    run(*flags_of(job_dir, request.param))
    return request.param, job_dir


def test_a_run_killed_again_and_again_ends_with_the_same_bits(uninterrupted, tmp_path):
    variant, reference = uninterrupted
    job_dir = tmp_path / "killed"
    moments = random.Random(variant)
    kills = 10 if variant == "float32" else 4

    for kill in range(kills):
        in_training = kill % 2 == 1
        seconds = moments.uniform(0, 1.0) if in_training else moments.uniform(1.0, 5.5)
        interrupt(job_dir, variant, signal.SIGKILL, seconds, in_training)
    run(*flags_of(job_dir, variant))

    assert_same_run(job_dir, reference)


def test_a_run_terminated_again_and_again_ends_with_the_same_bits(uninterrupted, tmp_path):
    variant, reference = uninterrupted
    job_dir = tmp_path / "terminated"
    moments = random.Random(variant)

    for _ in range(3):
        code = interrupt(job_dir, variant, signal.SIGTERM, moments.uniform(0, 0.5), True)
        assert code == exits.INTERRUPTED
    run(*flags_of(job_dir, variant))

    assert_same_run(job_dir, reference)


def assert_same_run(job_dir: Path, reference: Path) -> None:
    ours, theirs = (
        checkpoints.read(checkpoints.prefix(folder / "checkpoints", STEPS))
        for folder in (job_dir, reference)
    )
    assert_same_bits(ours, theirs)
    for file in ("results/final.png", "results/epoch_00000.png"):
        assert (job_dir / file).read_bytes() == (reference / file).read_bytes()
    # One line every two steps, besides where an interval or an interruption ends a loop.
    text = (job_dir / "metrics.jsonl").read_text()
    steps = [json.loads(line)["step"] for line in text.splitlines()]
    assert steps == sorted(set(steps)) and steps[-1] == STEPS
    assert max(later - earlier for earlier, later in zip([0, *steps], steps, strict=False)) <= 2
