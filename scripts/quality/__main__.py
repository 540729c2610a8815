#!/usr/bin/env python3
"""Trains recipes under equal budgets, evaluates them, and writes docs/quality.md.

    python -m scripts.quality [NAME@BUDGET[-seedN][=FLAGS]]...

NAME is a preset, unless FLAGS, which are those of `fashion-gan train`, name another. BUDGET is
minutes of processor time over all cores, or a number of images: fashion@10, fashion@150000images.
The number of steps that fit into the time is found by timing some steps first; the same row with
another seed (fashion@10-seed1) takes as many and the same flags, and is shown together with it.
Runs are kept in runs/quality; rows of docs/quality.json are not made again, and an interrupted run
is resumed. Without arguments all rows of ROWS are made; those of recipes as they were are kept.
"""

from __future__ import annotations

import dataclasses
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
from trainer.cloud import data_folder
from trainer.configuration import config_json, flags
from trainer.configuration.config import Execution, TrainConfig
from trainer.configuration.step_counts import images_a_step
from trainer.data import order
from trainer.distribution import strategies
from trainer.distribution.environment import processor_name
from trainer.evaluation import packaged_networks
from trainer.evaluation.evaluator import Evaluator
from trainer.gan.networks import build_networks
from trainer.models import flops, forms
from trainer.system import cores
from trainer.training import first_start
from trainer.training.trial import Trial

RUNS = Path("runs", "quality")
OTHERS = ("classic", "dcgan", "conditional", "sngan", "r3gan", "stylegan")
ROWS = (
    *(f"{preset}@15" for preset in OTHERS),
    "dcgan@120",
    *(f"fashion@{minutes}" for minutes in (1, 2, 5, 10, 15, 20, 60, 120)),
    "fashion@1920000images",
    *(f"fashion@{minutes}-seed{seed}" for minutes in (1, 2, 5, 10, 15, 20) for seed in (1, 2)),
)
TIMED_IMAGES = 2048
SAMPLES = 80  # in the image grid of a row


def main(rows: list[str]) -> None:
    """Makes the rows one by one, and writes the table after each."""
    strategies.configure(flags.train(["train", "--job_dir=unused"]).runtime)
    done = table.read()
    if "real" not in done:
        table.add("real", real_images())
    for row in rows:
        name, _, extra = row.partition("=")
        if name not in done:
            table.add(name, make_row(name, extra.split()))


def make_row(name: str, extra: list[str]) -> dict[str, Any]:
    """Trains and evaluates a row; returns its metrics and costs."""
    budgeted, _, seed = name.partition(table.SEED)
    first_seed = of_first_seed(budgeted, extra) if seed else None
    if first_seed:
        extra = first_seed["flags"].split()
    preset, _, budget = budgeted.partition("@")
    job_dir = RUNS / name
    names_preset = any(flag.startswith("--preset=") for flag in extra)
    recipe = extra if names_preset else [f"--preset={preset}", *extra]
    train_flags = [f"--job_dir={job_dir}", f"--seed={seed or 0}", *recipe]
    config = flags.train(["train", *train_flags])
    if first_seed is None:
        steps = planned_steps(config, budget, job_dir / "steps")
    else:
        steps = first_seed["images"] // images_a_step(config.recipe)
    fashion_gan("train", *train_flags, f"--steps={steps}", cpu_seconds=job_dir / "cpu_seconds")
    metrics = json.loads(fashion_gan("evaluate", f"--job_dir={job_dir}"))
    grid = job_dir / "samples.png" if first_seed else table.FOLDER / f"{name}.png"
    fashion_gan("generate", f"--job_dir={job_dir}", f"--num={SAMPLES}", f"--output={grid}")
    networks = build_networks(config.recipe, "float32")
    stored = config_json.read(job_dir)
    assert stored is not None
    return {
        "flags": " ".join(extra),
        "processor": processor_name(),
        "computed_in": stored.recipe.precision,
        "cores": cores.available(),
        "images": steps * images_a_step(config.recipe),
        "cpu_minutes": float((job_dir / "cpu_seconds").read_text()) / 60,
        "parameters": [network.count_params() for network in networks],
        "multiply_adds": [flops.multiply_adds(network) for network in networks],
        **metrics,
    }


def of_first_seed(name: str, extra: list[str]) -> table.Row:
    """The row that one of another seed is made like.

    Raises:
      SystemExit: it is not there, or other flags are asked for.
    """
    row = table.read().get(name)
    if row is None:
        raise SystemExit(f"make {name} first, then with other seeds")
    if extra and extra != row["flags"].split():
        raise SystemExit(f"{name} was made with other flags ({row['flags'] or 'none'})")
    return row


def planned_steps(config: TrainConfig, budget: str, path: Path) -> int:
    """The number of steps within the budget; read from `path` if it was computed before."""
    if budget.endswith("images"):
        return int(budget.removesuffix("images")) // images_a_step(config.recipe)
    if not path.exists():
        steps = int(60 * float(budget) / cpu_seconds_a_step(config))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(steps))
    return int(path.read_text())


def cpu_seconds_a_step(config: TrainConfig) -> float:
    """Processor time of a training step over all cores, without tracing."""
    recipe, device = config.recipe, tf.distribute.OneDeviceStrategy("/cpu:0")
    if recipe.precision == "auto":
        execution = Execution(jit_compile=False, forms=forms.for_this_machine())
        precision, _ = first_start.faster_precision(recipe, execution, device)
        recipe = dataclasses.replace(recipe, precision=precision)
    images, labels = data_folder.at(config.places).load(recipe.data, "train")
    trial = Trial(recipe, device, images, labels, horizon=1000)
    count = max(4, TIMED_IMAGES // trial.images_a_step)
    for _ in range(2):  # the first pass traces the graph
        started = time.process_time()
        trial.train(count)
    return (time.process_time() - started) / count


def fashion_gan(*arguments: str, cpu_seconds: Path | None = None) -> str:
    """Runs the command and returns its stdout; adds its processor time to the file `cpu_seconds`.

    Raises:
      SystemExit: with the command's exit code, if that is not 0.
    """
    before = children_seconds()
    command = [sys.executable, "-m", "trainer", *arguments]
    # In its own session: a terminal's interrupt goes to this process only, which passes it on.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with forwarding_signals(process):
        output, _ = process.communicate()
    if cpu_seconds:
        earlier = float(cpu_seconds.read_text()) if cpu_seconds.exists() else 0.0
        cpu_seconds.write_text(str(earlier + children_seconds() - before))
    if process.returncode:
        raise SystemExit(process.returncode)
    return output


@contextmanager
def forwarding_signals(process: subprocess.Popen[str]) -> Iterator[None]:
    """Passes interrupts to the process as SIGTERM, on which it saves a checkpoint."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.signal(number, lambda *_: process.terminate()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)


def children_seconds() -> float:
    """Processor time of all child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def real_images() -> dict[str, Any]:
    """The metrics of training images, evaluated as fakes: those of a perfect generator.

    And the class network's accuracy on the test images.
    """
    config = flags.train(["train", "--job_dir=unused"])
    settings = flags.evaluate(["evaluate", "--job_dir=unused"])
    train, test = (
        data_folder.at(config.places).load(config.recipe.data, split) for split in ("train", "test")
    )
    images, labels = train
    rows = order.permutation(0, 0, len(images))[: settings.measurement.num]
    evaluate = Evaluator(
        *(config.recipe, settings.measurement, settings.places.cache_dir),
        *(packaged_networks.provide(), train, test),
    )
    seen = packaged_networks.classes(test[0])
    return {
        **evaluate.measure(images[rows], labels[rows]),
        "judge_accuracy": float((seen == test[1][:, 0]).mean()),
    }


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(sys.argv[1:] or list(ROWS))
