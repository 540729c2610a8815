#!/usr/bin/env python3
"""Trains every preset for ten steps plain and compiled by XLA: the losses must agree.

    python -m scripts.checks.compiled [PRESET...] [--precision=float32|bfloat16]

At batch 8 on `synthetic`, on one device, each in a forked child. Prints the largest relative
difference of losses and scores of the first step, and of all ten: relatively to 1e-4 in float32,
2e-2 in bfloat16. At the recipes' own rates some presets magnify rounding tenfold a step, so they
train at a tenth of them. The exit code is 1 if any differs by more.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from scripts.checks import children
from trainer.configuration import config, flags, presets
from trainer.data import feeding, loading
from trainer.gan.multi_step_graph import make_train_steps
from trainer.gan.state import FashionGAN

STEPS = 10
TOLERANCES = {"float32": 1e-4, "bfloat16": 2e-2}
SLOWER = 0.1


def main(arguments: list[str]) -> int:
    """Compares the presets; the number of those that differ."""
    parser = argparse.ArgumentParser()
    parser.add_argument("preset", nargs="*")
    parser.add_argument("--precision", choices=list(TOLERANCES), default="float32")
    asked = parser.parse_args(arguments)
    differ = 0
    for preset in asked.preset or presets.names():
        folder = Path(tempfile.mkdtemp())  # a TemporaryDirectory would end with the first child
        plain, compiled = (metrics(folder, preset, asked.precision, jit) for jit in (False, True))
        shutil.rmtree(folder)
        apart = np.abs(compiled - plain) / np.maximum(np.abs(plain), 1e-2)
        good = apart.max() <= TOLERANCES[asked.precision]
        differ += not good
        print(
            f"{preset:<12} first step {apart[0].max():.1e}, {STEPS} steps {apart.max():.1e}: "
            f"{'good' if good else 'apart'}",
            flush=True,
        )
    return differ


def metrics(folder: Path, preset: str, precision: str, jit_compile: bool) -> np.ndarray:
    """Losses and scores of each step, `[STEPS, 5]`, made in a child."""
    answer, log = folder / f"{jit_compile}.json", folder / f"{jit_compile}.log"

    def train() -> int:
        answer.write_text(json.dumps(of_each_step(preset, precision, jit_compile).tolist()))
        return 0

    _, status = os.waitpid(children.start(log, train), 0)
    if status:
        raise SystemExit(log.read_text(errors="replace"))
    return np.array(json.loads(answer.read_text()))


def of_each_step(preset: str, precision: str, jit_compile: bool) -> np.ndarray:
    """The same in this process."""
    given = [f"--preset={preset}", "--batch_size=8", f"--precision={precision}"]
    recipe = flags.train(["train", "--job_dir=x", "--dataset=synthetic", *given]).recipe
    recipe = dataclasses.replace(
        recipe, **{name: slower(getattr(recipe, name)) for name in ("generator", "discriminator")}
    )
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    images, labels = loading.load(recipe.data, "train", Path("unused"), Path("unused"))
    feed = feeding.feed(images, labels, ["/cpu:0"])
    train_steps = make_train_steps(FashionGAN(recipe, 100), strategy, feed, jit_compile)
    size = config.images_a_step(recipe)
    rows = np.arange(STEPS * size, dtype=np.int32).reshape(STEPS, 1, size) % len(images)
    return np.array([train_steps(*feed.send(row))[0] for row in rows])[:, :5]


def slower(settings: config.OptimizerSettings) -> config.OptimizerSettings:
    """The same at a fraction of the rate."""
    return dataclasses.replace(settings, learning_rate=SLOWER * settings.learning_rate)


if __name__ == "__main__":
    raise SystemExit(min(1, main(sys.argv[1:])))
