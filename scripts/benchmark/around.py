"""Part `around`: where a run's time goes, by its own records.

At the defaults but for checkpoints: by default they come after some seconds, which no record tells,
so they are asked for by steps here.
"""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow as tf

from scripts.benchmark.commands import fashion_gan
from scripts.benchmark.rounds import Result, say
from scripts.benchmark.settings import Settings
from trainer import run_layout
from trainer.configuration import flags, step_counts
from trainer.configuration.config import TrainConfig
from trainer.runs import records
from trainer.training.plan import Plan

_SPEED = "throughput/images_per_second"
STEPS_BETWEEN_SAVES = 400


def measure(settings: Settings) -> Result:
    """What a run took, and its loops."""
    given = [
        f"--steps={settings.run_steps}",
        f"--checkpoint_interval={STEPS_BETWEEN_SAVES}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        say(f"around: a run of {settings.run_steps} steps")
        job_dir = Path(folder, "run")
        run = fashion_gan("train", f"--job_dir={job_dir}", *given)
        config = flags.train(["train", f"--job_dir={job_dir}", *given])
        return {
            "run": asdict(run),
            "steps": settings.run_steps,
            "steps_between_saves": STEPS_BETWEEN_SAVES,
            "loops": loops(config),
        }


def loops(config: TrainConfig) -> list[dict[str, Any]]:
    """Of each loop of a run but the first, which traces, from the record before its own to its own.

    In between are, after the record before: a grid, a save, if they were due; the training; and an
    evaluation, if one was due after it.

    Raises:
      ValueError: the run saves by time.
    """
    plan = Plan(config.recipe, config.schedule)
    if plan.saves_by_time:
        raise ValueError("which loops saved is not known where checkpoints come by time")
    images_a_step = step_counts.images_a_step(config.recipe)
    found = []
    recorded = _recorded(config.job_dir)
    for (last, _, before), (step, speed, now) in itertools.pairwise(recorded):
        training = (step - last) * images_a_step / speed
        due = {
            "grid": plan.grid_due(last),
            "save": plan.checkpoint_due(last),
            "evaluation": plan.evaluation_due(step),
        }
        found.append(
            {
                "steps": step - last,
                "training_seconds": training,
                "other_seconds": now - before - training,
                "due": [name for name, was in due.items() if was],
            }
        )
    return found


def _recorded(job_dir: Path) -> list[tuple[int, float, float]]:
    """Step, images a second in training, and time of day of each loop's end."""
    times = {}
    for path in (job_dir / "tensorboard" / "train").glob("events.out.tfevents.*"):
        for raw in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(raw)
            if any(value.tag == _SPEED for value in event.summary.value):
                times[event.step] = event.wall_time
    return [
        (line["step"], line[_SPEED], times[line["step"]])
        for line in records.read_lines(job_dir / run_layout.METRICS)
    ]
