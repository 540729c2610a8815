#!/usr/bin/env python3
"""Trains every preset for ten steps plain and compiled by XLA: the losses must agree.

    python -m scripts.checks.compiled [PRESET...] [--precision=float32|bfloat16] [--batch_size=8]
    python -m scripts.checks.compiled --memory

On `synthetic`, at the recipes' own rates but for another seed than theirs, on one device, each
training in a forked child. Losses and scores must agree relatively to 1e-4 in float32 and 2e-2 in
bfloat16. Where a GAN magnifies rounding, no two ways to compute it agree for long. So two more
trainings are plain, with weights disturbed by about one rounding, and the compiled one may be
MAGNIFIED times as far from the plain one as the farther of them, step by step. Other draws, or
another formula, are farther; and nothing is magnified in the first step.

--memory trains `mlp` compiled for 12,000 steps by the command: its memory then, in swap or not, may
be no more than MEBIBYTES above the least that it had from step 2,000 on, where what compiling took
may still be given back.

Prints a line a preset; the exit code is 1 if any differs by more.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from scripts.checks import children, trainings
from trainer.configuration import presets
from trainer.system import determinism, exits
from trainer.training.trial import Trial

STEPS = 10
HORIZON = 100
SEED = "--seed=1"
TOLERANCES = {"float32": 1e-4, "bfloat16": 2e-2}
DISTURBANCES = {
    "float32": 1e-7,
    "bfloat16": 1e-3,
}  # of weights: about what rounding takes from them
MAGNIFIED = 10
MEBIBYTES = 4


def main(arguments: list[str]) -> int:
    """Compares the presets; the number of those that differ."""
    parser = argparse.ArgumentParser()
    parser.add_argument("preset", nargs="*")
    parser.add_argument("--precision", choices=list(TOLERANCES), default="float32")
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--memory", action="store_true")
    asked = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp())  # a TemporaryDirectory would end with the first child
    try:
        if asked.memory:
            return memory_grows(folder)
        names = asked.preset or presets.names()
        return sum(differs(folder, name, asked.precision, asked.batch_size) for name in names)
    finally:
        shutil.rmtree(folder)


def differs(folder: Path, preset: str, precision: str, batch_size: int) -> bool:
    """Whether a preset's losses differ by more than they may."""
    given = [f"--preset={preset}", f"--precision={precision}", f"--batch_size={batch_size}", SEED]
    tolerance = TOLERANCES[precision]
    plain = metrics(folder, given)
    compiled = relative_difference(metrics(folder, given, jit_compile=True), plain)
    found = f"first step {compiled[0]:.1e}, {STEPS} steps {compiled.max():.1e}"
    good = compiled.max() <= tolerance
    if not good:
        disturbed = np.maximum(
            *(
                relative_difference(metrics(folder, given, disturbed_by=number), plain)
                for number in (1, 2)
            )
        )
        allowed = np.maximum(tolerance, MAGNIFIED * np.maximum.accumulate(disturbed))
        good = compiled[0] <= tolerance and bool((compiled <= allowed).all())
        found += f", disturbed {disturbed.max():.1e}"
    print(f"{preset:<12} {precision:<8} {found}: {'good' if good else 'apart'}", flush=True)
    return not good


def relative_difference(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """The largest relative difference of each step; of what is nearly zero, a hundredfold one."""
    return np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-2), axis=1)


def metrics(
    folder: Path, given: list[str], jit_compile: bool = False, disturbed_by: int = 0
) -> np.ndarray:
    """Losses and scores of each step, `[STEPS, 5]`, made in a child."""
    answer, log = folder / "answer.json", folder / "log"

    def train() -> int:
        answer.write_text(json.dumps(of_each_step(given, jit_compile, disturbed_by).tolist()))
        return exits.OK

    if trainings.wait(children.start(log, train)):
        raise SystemExit(log.read_text(errors="replace"))
    return np.array(json.loads(answer.read_text()))


def of_each_step(given: list[str], jit_compile: bool, disturbed_by: int) -> np.ndarray:
    """The same in this process; 0 disturbs no weight, other numbers each in another way."""
    determinism.enable()
    recipe = trainings.recipe(*given)
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    trial = Trial(recipe, strategy, *trainings.examples(recipe), jit_compile, HORIZON)
    disturbance = DISTURBANCES[recipe.precision] if disturbed_by else 0.0
    rng = np.random.default_rng(disturbed_by)
    for network in (trial.gan.generator, trial.gan.discriminator):
        for weight in network.trainable_variables:
            change = disturbance * rng.standard_normal(weight.shape)
            weight.assign(weight.numpy() * (1 + change).astype(np.float32))
    return np.array([trial.train(1)[:5] for _ in range(STEPS)])


def memory_grows(folder: Path) -> bool:
    """Whether compiled steps take more and more memory."""
    job_dir = folder / "run"
    pid = trainings.start(
        *(job_dir, "mlp", "--jit_compile=true", "--batch_size=2", "--steps=12500"),
        *("--steps_per_loop=50", "--checkpoint_interval=1000"),
    )

    def after(step: int) -> float:
        trainings.wait_for(pid, lambda: trainings.last_step(job_dir) >= step)
        status = Path(f"/proc/{pid}/status").read_text()
        kibibytes = re.findall(r"^(?:RssAnon|VmSwap):\s+(\d+) kB", status, re.MULTILINE)
        return sum(map(int, kibibytes)) / 2**10

    found = [after(step) for step in range(2000, 12001, 1000)]
    code = trainings.wait(pid)
    good = found[-1] - min(found) <= MEBIBYTES and code == exits.OK
    print(
        f"after 2,000 steps {found[0]:.1f} MiB, after 12,000 {found[-1]:.1f}, between them no less "
        f"than {min(found):.1f}, exit code {code}: {'good' if good else 'grows'}"
    )
    return not good


if __name__ == "__main__":
    raise SystemExit(min(1, main(sys.argv[1:])))
