#!/usr/bin/env python3
"""Trains recipes under equal budgets, measures them, and writes docs/quality.md.

    python -m scripts.quality [NAME@BUDGET[=FLAGS]]...

NAME is a preset, unless FLAGS, which are those of `fashion-gan train`, name another. BUDGET is
minutes of processor time over all cores, or a number of images: fashion@10, fashion@150000images.
The length of a run that fits into the time is found by measuring some steps first. Runs are kept in
runs/quality; a row that docs/quality.json holds is not made again, and a run that was stopped goes
on. Without arguments all rows of the table are made.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from scripts.quality import table
from trainer.configuration import config as configuration
from trainer.configuration import flags
from trainer.configuration.config import Config, images_a_step
from trainer.data import feeding, loading, order
from trainer.distribution import strategies
from trainer.evaluation import classifiers
from trainer.evaluation.evaluator import Measure
from trainer.gan.fashion_gan import FashionGAN, build_networks
from trainer.gan.train_steps import make_train_steps
from trainer.models import cost
from trainer.training import take_up

RUNS = Path("runs", "quality")
ROWS = (
    *(f"{preset}@15" for preset in ("classic", "dcgan", "conditional", "sngan", "r3gan")),
    "dcgan@120",
    *(f"fashion@{minutes}" for minutes in (1, 2, 5, 10, 15, 20, 30, 60, 120)),
)
PROBED_IMAGES = 2048
SAMPLES = 80  # of a row's picture


def main(rows: list[str]) -> None:
    """Makes the rows, one after the other, and the table after each."""
    strategies.configure(flags.train(["train", "--job_dir=unused"]).runtime)
    known = table.read()
    if "real" not in known:
        table.add("real", real_images())
    for row in rows:
        name, _, extra = row.partition("=")
        if name not in known:
            table.add(name, made(name, extra.split()))


def made(name: str, extra: list[str]) -> dict[str, Any]:
    """Trains and measures a row; gives its figures."""
    preset, _, budget = name.partition("@")
    job_dir = RUNS / name
    named = any(flag.startswith("--preset=") for flag in extra)
    recipe = extra if named else [f"--preset={preset}", *extra]
    given = [f"--job_dir={job_dir}", *recipe]
    config = flags.train(["train", *given])
    steps = planned_steps(config, budget, job_dir / "steps")
    fashion_gan("train", *given, f"--steps={steps}", spent=job_dir / "cpu_seconds")
    line = json.loads(fashion_gan("evaluate", f"--job_dir={job_dir}"))
    picture = table.FOLDER / f"{name}.png"
    fashion_gan("generate", f"--job_dir={job_dir}", f"--num={SAMPLES}", f"--output={picture}")
    networks = build_networks(config.recipe, "float32")
    return {
        "flags": " ".join(extra),
        "computed_in": json.loads((job_dir / "config.json").read_text())["recipe"]["precision"],
        "images": steps * images_a_step(config.recipe),
        "cpu_minutes": float((job_dir / "cpu_seconds").read_text()) / 60,
        "parameters": [network.count_params() for network in networks],
        "multiply_adds": [cost.multiply_adds(network) for network in networks],
        **line,
    }


def planned_steps(config: Config, budget: str, kept: Path) -> int:
    """Steps that the budget allows, decided once."""
    if budget.endswith("images"):
        return int(budget.removesuffix("images")) // images_a_step(config.recipe)
    if not kept.exists():
        steps = int(60 * float(budget) / cpu_seconds_a_step(config))
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(str(steps))
    return int(kept.read_text())


def cpu_seconds_a_step(config: Config) -> float:
    """Processor time of a training step, over all cores, once the graph is traced."""
    recipe = configuration.in_precision(config, take_up.precision(config)).recipe
    images, labels = loading.load(recipe.data, "train", config.data_dir)
    feed = feeding.feed(images, labels, ["/cpu:0"])
    gan = FashionGAN(recipe, 1000)
    train = make_train_steps(gan, tf.distribute.OneDeviceStrategy("/cpu:0"), feed)
    count = max(4, PROBED_IMAGES // images_a_step(recipe))
    for _ in range(2):  # the first time it is traced
        started = time.process_time()
        rows = order.batches(0, feed.examples, images_a_step(recipe), 0, count)
        train(*feed.send(rows))[0].numpy()
    return (time.process_time() - started) / count


def fashion_gan(*arguments: str, spent: Path | None = None) -> str:
    """Runs the command; adds its processor time to what is kept in `spent`.

    Raises:
      SystemExit: with its exit code, if that is not 0.
    """
    before = children_seconds()
    command = [sys.executable, "-m", "trainer", *arguments]
    # In a process group of its own, so that a terminal's interrupt comes once, by way of us.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with stopping(process):
        output, _ = process.communicate()
    if spent:
        earlier = float(spent.read_text()) if spent.exists() else 0.0
        spent.write_text(str(earlier + children_seconds() - before))
    if process.returncode:
        raise SystemExit(process.returncode)
    return output


@contextmanager
def stopping(process: subprocess.Popen[str]) -> Iterator[None]:
    """Inside, a request to stop goes to the process, which saves what it has."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: process.terminate()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def children_seconds() -> float:
    """Processor time of all processes that were started here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def real_images() -> dict[str, Any]:
    """The figures of training images in the place of fakes: what a perfect generator has.

    And the share of test images whose class the judge of class accuracy sees.
    """
    config = flags.train(["train", "--job_dir=unused"])
    asked = flags.evaluate(["evaluate", "--job_dir=unused"])
    images, labels = loading.load(config.recipe.data, "train", config.data_dir)
    some = order.permutation(0, 0, len(images))[: asked.num]
    unseen, truth = loading.load(config.recipe.data, "test", config.data_dir)
    return {
        **Measure(config.recipe, asked).figures(images[some], labels[some]),
        "judge_accuracy": float((classifiers.classes(unseen) == truth).mean()),
    }


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(sys.argv[1:] or list(ROWS))
