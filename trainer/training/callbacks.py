"""What the loop calls: to train some steps, and at its pauses; made from a run's parts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from trainer.configuration import config
from trainer.configuration.config import Execution, Schedule
from trainer.data import feeding, order, pixels
from trainer.evaluation import during_training
from trainer.gan import compilation
from trainer.gan.multi_step_graph import make_train_steps
from trainer.gan.state import FashionGAN
from trainer.gan.training_step import metric_names
from trainer.monitoring import image_grids, prometheus
from trainer.monitoring.model_monitor import Reporter
from trainer.monitoring.progress import Progress
from trainer.randomness import BatchRng
from trainer.runs import evaluations, restarts
from trainer.runs.checkpoints import Checkpoints
from trainer.system.exits import RefusedError
from trainer.training import run_directory

log = logging.getLogger(__name__)

COLUMNS = 8  # of a grid
MOST_ROWS = 16  # of classes


def training(
    gan: FashionGAN,
    strategy: tf.distribute.Strategy,
    images: np.ndarray,
    labels: np.ndarray,
    execution: Execution,
) -> Callable[[int, int], dict[str, float]]:
    """The loop's `train`: feeds the data order and stops at the first bad number."""
    recipe = gan.recipe
    feed = feeding.feed(images, labels, strategy.extended.worker_devices)
    train_steps = make_train_steps(gan, strategy, feed, bool(execution.jit_compile))
    if execution.jit_compile:
        replicas = strategy.num_replicas_in_sync
        compiled = compilation.described(replicas, gan.generator, gan.discriminator)
        log.info("XLA compiles %s, before the first step", compiled)

    def train(step: int, count: int) -> dict[str, float]:
        batch = config.images_a_step(recipe)
        rows = order.batches(recipe.seed, feed.examples, batch, step, count)
        means, first_bad = train_steps(*feed.send(rows))
        if first_bad >= 0:
            raise RefusedError(
                f"a loss or gradient is not finite at step {int(first_bad)}: no later "
                "checkpoint was saved; start anew with lower learning rates"
            )
        return dict(zip(metric_names(recipe.objective), map(float, means), strict=True))

    return train


def evaluation(
    gan: FashionGAN, images: np.ndarray, labels: np.ndarray, schedule: Schedule, job_dir: Path
) -> Callable[[int], dict[str, float]]:
    """The loop's `evaluate`: measures the generator and records it."""
    if not schedule.evaluation_interval:
        return lambda step: {}
    num = schedule.evaluation_samples
    measure = during_training.evaluator(gan, images, labels, num)

    def evaluate(step: int) -> dict[str, float]:
        metrics = measure()
        evaluations.add(job_dir, {"step": step, **during_training.protocol(num), **metrics})
        return {f"evaluation/{name}": value for name, value in metrics.items()}

    return evaluate


def saving(
    saved: Checkpoints, schedule: Schedule, job_dir: Path, commit: Callable[[], None]
) -> Callable[[int], None]:
    """The loop's `save`."""

    def save(step: int) -> None:
        run_directory.remove_results(job_dir)  # before a checkpoint that they are not of
        saved.save(step)
        run_directory.keep_best(job_dir, schedule.evaluation_samples, saved)
        commit()

    return save


def sample_grid(gan: FashionGAN) -> Callable[[], np.ndarray]:
    """Draws the run's fixed latents: a grid, of a conditional generator with a row a class."""
    recipe = gan.recipe
    classes = len(recipe.data.class_names)
    rows = min(classes, MOST_ROWS) if recipe.networks.conditional else COLUMNS
    samples = rows * COLUMNS
    latents = BatchRng(recipe.seed, 0, 0, samples).normal("samples", recipe.networks.noise_dim)
    labels = tf.range(samples) // COLUMNS
    sample = tf.function(gan.sample, autograph=False)
    return lambda: image_grids.grid(
        pixels.to_bytes(sample(latents, labels).numpy(), gan.pixel_min), COLUMNS
    )


def reporters(
    job_dir: Path,
    metrics_port: int,
    step: int | None,
    last_step: int,
    seconds_since_save: Callable[[], float],
) -> list[Reporter]:
    """What shows the run that starts, or goes on at `step`, which counts as a restart."""
    resumes = 0 if step is None else restarts.count_one_more(job_dir)
    found: list[Reporter] = [Progress(step or 0, last_step)]
    if metrics_port:
        found.append(prometheus.Exporter(metrics_port, step or 0, resumes, seconds_since_save))
    return found
