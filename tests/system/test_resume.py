"""Interrupted equals uninterrupted, bit for bit."""

from __future__ import annotations

import json
import random
import re
import signal
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.command import Forked, run_forked, start_forked
from tests.conftest import assert_same_bits, train_flags
from trainer import run_layout
from trainer.gan.training_step import METRICS
from trainer.runs import checkpoints, records
from trainer.system import exits

STEPS = 80
# Beside networks and optimizers: moving average, singular vectors, schedules, augmentation.
EVERY_STATE = [
    "--conditional",
    "--ema_half_life=500",
    "--spectral_norm",
    "--update=alternating",
    "--generator_schedule=cosine",
    "--generator_final_factor=0.1",
    "--augment=adaptive",
]
# Within so few steps it adapts to nothing yet.
QUICKLY = "from trainer.gan import augmentation; augmentation.ADJUSTMENT_IMAGES = 1000"
# The smaller the networks, the more of the time there is for being killed.
VARIANTS = {
    "every_state": EVERY_STATE,
    # and batch normalisation over both
    "two_replicas": [
        *("--preset=classic", "--width=4", "--update=simultaneous", "--virtual_devices=2"),
    ],
    # two discriminators, the one for rounds with a penalty
    "bfloat16": [
        *("--precision=bfloat16", "--r1=1", "--penalty_interval=3", "--optimizer=rmsprop"),
        *("--generator_beta_1=0", "--discriminator_beta_1=0"),
    ],
    # three stages, of which two fade in for a fifth of the run each
    "growing": [
        *("--preset=stylegan", "--width=2", "--max_width=4", "--batch_size=8"),
        *("--grow_from=7", "--grow_images=120", "--fade_images=120"),
    ],
}

SLOW = [pytest.param(variant, marks=pytest.mark.slow) for variant in ("bfloat16", "growing")]


def flags_of(job_dir: Path, variant: str) -> list[str]:
    # Short loops and frequent saves: many places to be killed in.
    given = ["--dataset=synthetic", "--checkpoint_interval=5", "--steps_per_loop=2"]
    return train_flags(job_dir, f"--steps={STEPS}", *given, *VARIANTS[variant])


def start(job_dir: Path, variant: str) -> Forked:
    with open(job_dir.with_suffix(".log"), "a") as log:
        return start_forked(*flags_of(job_dir, variant), stdout=log, stderr=log, before=QUICKLY)


def log_of(job_dir: Path) -> str:
    return job_dir.with_suffix(".log").read_text()


def wait_for_records(process: Forked, job_dir: Path, count: int = 1) -> None:
    """Returns when this process has recorded so many loops."""
    shown = log_of(job_dir).count("] step ")  # a process shows its first loop, and few others
    while process.poll() is None and log_of(job_dir).count("] step ") == shown:
        time.sleep(0.01)
    records_file = job_dir / "metrics.jsonl"
    known = len(records.read_lines(records_file))
    while process.poll() is None and len(records.read_lines(records_file)) < known + count - 1:
        time.sleep(0.01)


@pytest.fixture(
    scope="module",
    params=["every_state", "two_replicas", *SLOW],
)
def uninterrupted(request, tmp_path_factory):
    """A variant's name and the run directory of a run that was left alone."""
    job_dir = tmp_path_factory.mktemp("uninterrupted") / "run"
    run_forked(*flags_of(job_dir, request.param), before=QUICKLY)
    return request.param, job_dir


def test_a_run_killed_again_and_again_ends_with_the_same_bits(uninterrupted, tmp_path, request):
    variant, reference = uninterrupted
    job_dir = tmp_path / "killed"
    moments = random.Random(variant)
    kills = request.config.getoption("--disturbances")

    for kill in range(kills):
        process = start(job_dir, variant)
        if kill % 3 == 2:  # in start-up, which on a resume restores and trims
            time.sleep(moments.uniform(0.0, 2.5))
        else:
            # A loop has two steps, and every five are saved: after four loops it has saved.
            wait_for_records(process, job_dir, 4 if kill % 3 == 0 else moments.randint(1, 3))
            time.sleep(moments.uniform(0, 0.5))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    run_forked(*flags_of(job_dir, variant), before=QUICKLY)

    assert_same_run(job_dir, reference)
    resumed_at = [int(step) for step in re.findall(r"resuming .* at step (\d+)", log_of(job_dir))]
    assert len([step for step in resumed_at if step > 0]) >= kills // 3


@pytest.mark.slow
@pytest.mark.parametrize("uninterrupted", ["every_state"], indirect=True)
def test_a_run_terminated_again_and_again_ends_with_the_same_bits(uninterrupted, tmp_path):
    variant, reference = uninterrupted
    job_dir = tmp_path / "terminated"
    moments = random.Random(variant)

    for _ in range(2):
        process = start(job_dir, variant)
        wait_for_records(process, job_dir)
        time.sleep(moments.uniform(0, 0.5))
        process.terminate()
        assert process.wait(timeout=60) == exits.INTERRUPTED
    run_forked(*flags_of(job_dir, variant), before=QUICKLY)

    assert log_of(job_dir).count("interrupted and saved at step") == 2
    assert (job_dir / run_layout.RESTARTS).read_text() == "2\n"
    assert_same_run(job_dir, reference)


def assert_same_records(job_dir: Path, reference: Path) -> None:
    """Asserts equal metrics where both runs have a line, so that a failure names its first step."""
    ours, theirs = (
        {line["step"]: [line[tag] for tag in METRICS] for line in records.read_lines(path)}
        for path in (job_dir / "metrics.jsonl", reference / "metrics.jsonl")
    )
    # Lines are means since the line before: equal where that has the same step, too.
    both = [step for step in ours if step in theirs]
    starts = [dict(zip(steps, [0, *steps], strict=False)) for steps in (list(ours), list(theirs))]
    same = [step for step in both if starts[0][step] == starts[1][step]]
    assert same
    assert {step: ours[step] for step in same} == {step: theirs[step] for step in same}


def assert_same_run(job_dir: Path, reference: Path, steps: int = STEPS) -> None:
    ours, theirs = (
        checkpoints.read(checkpoints.prefix(folder / "checkpoints", steps))
        for folder in (job_dir, reference)
    )
    assert_same_records(job_dir, reference)
    assert_same_bits(ours, theirs)
    for file in ("results/final.png", "results/epoch_00000.png"):
        assert (job_dir / file).read_bytes() == (reference / file).read_bytes()
    text = (job_dir / "metrics.jsonl").read_text()
    recorded = [json.loads(line)["step"] for line in text.splitlines()]
    # One line every two steps, besides where an interval or an interruption ends a loop.
    assert recorded == sorted(set(recorded)) and recorded[-1] == steps
    assert max(b - a for a, b in zip([0, *recorded], recorded, strict=False)) <= 2
    folder = job_dir / "tensorboard" / "train"
    shown = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    assert [event.step for event in shown.Tensors("loss/generator")] == recorded
    samples = [event.step for event in shown.Tensors("samples")]
    assert samples == sorted(set(samples)) and samples[0] == 0
    assert not list(job_dir.rglob(".partial*"))
