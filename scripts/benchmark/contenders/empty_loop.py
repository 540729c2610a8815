"""The trainer's outer loop around a training that does nothing: a step is a round of the loop."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from scripts.benchmark.contenders import Train
from trainer.configuration import flags
from trainer.gan.training_step import METRICS
from trainer.monitoring import model_monitor
from trainer.monitoring.model_monitor import ModelMonitor
from trainer.monitoring.progress import Progress
from trainer.training import loop
from trainer.training.plan import Plan

NEVER = 10**9


def prepare(images: np.ndarray, batch_size: int, precision: str, recorded: bool) -> Train:
    """See `scripts.benchmark.contenders`.

    Args:
      images: unused, like the next two.
      batch_size: see above.
      precision: see above.
      recorded: whether each round is recorded as by a run: TensorBoard, metrics.jsonl, progress.
    """
    del images, batch_size, precision
    config = flags.train(["train", "--job_dir=unused", "--evaluation_interval=0"])
    schedule = dataclasses.replace(config.schedule, checkpoint_interval=NEVER, save_interval=NEVER)
    shown: loop.Monitor = model_monitor.ProgressOnly(config.recipe, [])
    if recorded:
        folder = Path(tempfile.mkdtemp())
        black = np.zeros((8, 8, 1), np.uint8)
        rates = {"generator": 1e-4, "discriminator": 1e-4}
        displays = [Progress(0, NEVER)]
        shown = ModelMonitor(folder, config.recipe, lambda: black, lambda: rates, displays)
    metrics = dict.fromkeys(METRICS, 1.0)
    actions = loop.Callbacks(
        train=lambda step, count: dict(metrics),
        evaluate=lambda step: {},
        monitor=shown,
        save=lambda step: None,
        seconds_since_save=lambda: 0.0,
    )
    step = 0

    def train(steps: int) -> float:
        nonlocal step
        end = step + steps
        plan = Plan(config.recipe, dataclasses.replace(schedule, steps=end))
        step = loop.run(step, plan, actions, loop.LoopLength(1, stop_requested=lambda: False))
        return float(step - end)

    return train
