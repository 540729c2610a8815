"""What the loop calls: to train some steps, and at its pauses; made from a run's parts."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from trainer.configuration import step_counts
from trainer.data import order
from trainer.data.feeding import Feed
from trainer.gan import compilation, stages
from trainer.gan.multi_step_graph import TrainSteps, make_train_steps
from trainer.gan.state import FashionGAN
from trainer.gan.training_step import metric_names
from trainer.monitoring import prometheus
from trainer.monitoring.model_monitor import Reporter
from trainer.monitoring.progress import Progress
from trainer.runs import evaluations, restarts
from trainer.runs.checkpoints import Checkpoints
from trainer.system import activity, process_image
from trainer.system.exits import RefusedError
from trainer.training import results
from trainer.training.storage import Hold

log = logging.getLogger(__name__)


def training(
    gan: FashionGAN,
    strategy: tf.distribute.Strategy,
    feed: Feed,
    jit_compile: bool,
    last_step: int,
    remark: Callable[[int], str] = lambda step: "",
) -> Callable[[int, int], dict[str, float]]:
    """The loop's `train`: feeds the data order and stops at the first bad number.

    Args:
      gan: the state.
      strategy: that of the run.
      feed: gives the examples.
      jit_compile: whether XLA compiles the step.
      last_step: of the run.
      remark: what is said of the first of some steps, where it is asked what takes so long.
    """
    recipe = gan.recipe
    batch = step_counts.images_a_step(recipe)

    @functools.cache
    def graph(stage: int | None) -> TrainSteps:
        return make_train_steps(gan, strategy, feed, jit_compile, stage)

    if jit_compile:
        replicas = strategy.num_replicas_in_sync
        compiled = compilation.described(replicas, gan.generator, gan.discriminator)
        log.info("XLA compiles %s, before the first step", compiled)

    at_first = ", which builds the graph first"

    def rows(step: int, count: int) -> np.ndarray:
        return order.batches(recipe.seed, feed.examples, batch, step, count)

    def train(step: int, count: int) -> dict[str, float]:
        nonlocal at_first
        end = step + count
        activity.now(f"training from step {step} to {end}{at_first}{remark(step)}")
        at_first = ""
        sent = feed.send(rows(step, count))
        if end < last_step:
            feed.read_ahead(lambda steps: rows(end, min(steps, last_step - end)))
        means, first_bad = graph(stages.current(gan))(*sent)
        process_image.reset_restarts()
        _check_finite(int(first_bad))
        return dict(zip(metric_names(recipe), map(float, means), strict=True))

    return train


def _check_finite(first_bad: int) -> None:
    """Refuses to go on from the first step with a bad number; negative: there is none."""
    if first_bad >= 0:
        raise RefusedError(
            f"a loss or gradient is not finite at step {first_bad}: no later "
            "checkpoint was saved; start anew with lower learning rates"
        )


def saving(
    saved: Checkpoints, job_dir: Path, keep_best: Callable[[], None], hold: Hold
) -> Callable[[int], None]:
    """The loop's `save`."""

    def save(step: int) -> None:
        hold.confirm()  # an evaluation takes minutes
        activity.now(f"saving step {step}")
        results.remove(job_dir)  # before a checkpoint that they are not of
        saved.save(step)
        keep_best()
        hold.commit()

    return save


def waiting_for(what: str) -> Callable[[int], dict[str, float]]:
    """The loop's `evaluate`, or its `save`, of a worker that leaves it to the chief."""

    def wait(step: int) -> dict[str, float]:
        activity.now(f"waiting for the chief's {what} of step {step}")
        return {}

    return wait


def reporters(
    job_dir: Path,
    metrics_port: int,
    step: int | None,
    last_step: int,
    seconds_since_save: Callable[[], float],
) -> list[Reporter]:
    """What shows the run that starts, or goes on at `step`, which counts as a restart."""
    resumes = 0 if step is None else restarts.count_one_more(job_dir)
    before = [distance for at, distance in evaluations.distances(job_dir) if at <= (step or 0)]
    found: list[Reporter] = [Progress(step or 0, last_step, distances=before)]
    if metrics_port:
        found.append(prometheus.Exporter(metrics_port, step or 0, resumes, seconds_since_save))
    return found
