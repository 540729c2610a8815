"""One training run: its parts are made from the configuration and handed to the loop."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import zlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from trainer.configuration import checks
from trainer.configuration import config as configuration
from trainer.configuration.choices import PRECISIONS
from trainer.configuration.config import Config
from trainer.data import feeding, loading, order, pixels
from trainer.distribution import environment, strategies
from trainer.distribution.cluster_spec import Member
from trainer.distribution.collectives import Group, checksum
from trainer.evaluation import during_training
from trainer.gan.fashion_gan import FashionGAN, build_networks
from trainer.gan.train_steps import make_train_steps
from trainer.gan.updates import METRICS
from trainer.models import cost
from trainer.monitoring import image_grids, model_monitor, profiling, prometheus
from trainer.monitoring.model_monitor import Display, ModelMonitor
from trainer.monitoring.progress import Progress
from trainer.randomness import Draws
from trainer.runs import evaluations, restarts
from trainer.runs.checkpoints import Checkpoints
from trainer.system import file_system, signals
from trainer.system.exits import RefusedError, StoppedTogether
from trainer.training import loop, take_up
from trainer.training.plan import Plan

log = logging.getLogger(__name__)

COLUMNS = 8  # of a grid
MOST_ROWS = 16  # of classes


def describe(config: Config, workers: int) -> None:
    """Prints the resolved configuration and the networks; trains nothing, and joins no cluster."""
    strategies.configure(config.runtime)
    replicas = workers * strategies.make_strategy(config.runtime).num_replicas_in_sync
    checks.check_replicas(config.recipe, replicas)
    config = configuration.in_precision(config, take_up.precision(config))
    print(_resolved(config, replicas))
    for network in build_networks(config.recipe, config.recipe.precision):
        network.summary(print_fn=print)
        print(cost.described(network))


def run(config: Config, member: Member, commit: Callable[[], None]) -> None:
    """Trains or resumes, as one of the cluster's workers. The chief's caller holds the run's lock.

    Args:
      config: the run.
      member: this worker.
      commit: the chief calls it when the run directory is one that a kill may leave: after each
        checkpoint, and at the end.

    Raises:
      RefusedError: the data, the checkpoints or the losses do not allow to go on.
      InterruptedRun: a signal stopped the training, and it was saved; or storage is lost.
    """
    with strategies.joined(config.runtime, member) as (strategy, group):
        checks.check_replicas(config.recipe, strategy.num_replicas_in_sync)
        group.check_same("the configuration", _fingerprint(config))
        decided = _decisions(config) if group.is_chief else (0, 0)
        horizon, number = group.from_chief(*decided)
        config = configuration.in_precision(config, PRECISIONS[number])
        environment.warn_of_slow_bfloat16(config.recipe.precision)
        with strategy.scope():
            gan = FashionGAN(config.recipe, horizon)
        if group.is_chief:
            _lead(config, strategy, group, gan, commit)
        else:
            _follow(config, strategy, group, gan)


def _decisions(config: Config) -> tuple[int, int]:
    """The horizon, and the number of the precision: what a run keeps from its first start."""
    precision = take_up.precision(config)
    return take_up.horizon(config), PRECISIONS.index(precision)


def _lead(
    config: Config,
    strategy: tf.distribute.Strategy,
    group: Group,
    gan: FashionGAN,
    commit: Callable[[], None],
) -> None:
    """The chief's part: it alone reads and writes the run directory."""
    plan = Plan(config.recipe, config.schedule)
    saved = Checkpoints(
        config.job_dir / "checkpoints", gan.state(), config.schedule.keep_checkpoints
    )
    resolved = _resolved(config, strategy.num_replicas_in_sync)
    step = take_up.restore(config.job_dir, saved, resolved)
    is_complete = (
        step is not None and step >= plan.last_step and take_up.is_finished(config.job_dir)
    )
    group.from_chief(is_complete)
    if is_complete:
        log.info("%s is complete at step %d: nothing to do", config.job_dir, step)
        take_up.say_where(config.job_dir)
        return
    displays = _displays(config, plan.last_step, saved, step)
    _start_together(group, gan)
    images, labels = loading.load(config.recipe.data, "train", config.data_dir)
    take_up.cut(config, -1 if step is None else step)
    take_up.keep_best(config, saved)  # a kill may have come between a checkpoint and its copy
    with contextlib.closing(
        ModelMonitor(config.job_dir, config.recipe, _picture(gan), gan.learning_rates, displays)
    ) as model_monitor:
        if step is None:
            _start(config, model_monitor, saved, resolved, images)
            commit()
        train = _trainer(gan, strategy, images, labels)
        if config.schedule.profile_steps:
            first, last = config.schedule.profile_steps
            train = profiling.profiled(train, first, last, config.job_dir)
        actions = loop.Actions(
            train=train,
            evaluate=_evaluator(config, gan, images, labels),
            monitor=model_monitor,
            save=_save(config, saved, commit),
        )
        _loop(config, plan, group, gan, actions)
        take_up.finish(config.job_dir, model_monitor)
    commit()
    group.meet()
    log.info("complete at step %d; saving took %.1f s", plan.last_step, saved.seconds_saving)
    take_up.say_where(config.job_dir)


def _follow(
    config: Config, strategy: tf.distribute.Strategy, group: Group, gan: FashionGAN
) -> None:
    """The other workers' part: they train, and keep nothing."""
    (is_complete,) = group.from_chief(0)
    if is_complete:
        log.info("the run is complete: nothing to do")
        return
    _start_together(group, gan)
    images, labels = loading.load(config.recipe.data, "train", config.data_dir)
    actions = loop.Actions(
        train=_trainer(gan, strategy, images, labels),
        evaluate=lambda step: {},
        monitor=model_monitor.Silent(),
        save=lambda step: None,
    )
    plan = Plan(config.recipe, config.schedule)
    _loop(config, plan, group, gan, actions)
    group.meet()  # until the chief has written all: should it be lost, all must come again
    log.info("complete at step %d; the chief has the results", plan.last_step)


def _displays(
    config: Config, last_step: int, saved: Checkpoints, step: int | None
) -> list[Display]:
    """What shows the run that starts, or goes on at `step`, which counts as a restart."""
    resumes = 0 if step is None else restarts.count(config.job_dir)
    displays: list[Display] = [Progress(step or 0, last_step)]
    if config.runtime.metrics_port:
        port, since_save = config.runtime.metrics_port, saved.seconds_since_save
        displays.append(prometheus.Exporter(port, step or 0, resumes, since_save))
    return displays


def _start_together(group: Group, gan: FashionGAN) -> None:
    group.spread(gan.state())
    group.check_same("the state before the first step", checksum(gan.state()))


def _loop(config: Config, plan: Plan, group: Group, gan: FashionGAN, actions: loop.Actions) -> None:
    """Trains to the end.

    Raises:
      StoppedTogether: a signal, to any worker, came before that.
    """
    pace = loop.Pace(config.schedule.steps_per_loop, signals.requested, group.agree)
    with signals.graceful():
        reached = loop.run(int(gan.step.numpy()), plan, actions, pace)
    if reached < plan.last_step:
        raise StoppedTogether(
            f"interrupted and saved at step {reached}: run the same command again"
        )


def _fingerprint(config: Config) -> int:
    """A number that differs where workers would not train the same, or part company."""
    described = environment.describe(config.runtime, replicas=0)
    for own in ("processor", "threads"):
        del described[own]
    shared = [dataclasses.asdict(config.recipe), dataclasses.asdict(config.schedule), described]
    return zlib.crc32(json.dumps(shared).encode())


def _resolved(config: Config, replicas: int) -> str:
    """The content of config.json."""
    return configuration.to_json(
        config, take_up.horizon(config), environment.describe(config.runtime, replicas)
    )


def _start(
    config: Config,
    model_monitor: ModelMonitor,
    saved: Checkpoints,
    resolved: str,
    images: np.ndarray,
) -> None:
    """Records the untrained run. It counts as started when config.json is there."""
    first_rows = order.permutation(config.recipe.seed, 0, len(images))[: COLUMNS**2]
    model_monitor.introduce(resolved, images[first_rows])
    model_monitor.flush()
    saved.save(0)
    file_system.write_text(config.job_dir / "config.json", resolved)


def _save(config: Config, saved: Checkpoints, commit: Callable[[], None]) -> Callable[[int], None]:
    """The loop's `save`."""

    def save(step: int) -> None:
        saved.save(step)
        take_up.keep_best(config, saved)
        commit()

    return save


def _evaluator(
    config: Config, gan: FashionGAN, images: np.ndarray, labels: np.ndarray
) -> Callable[[int], dict[str, float]]:
    """The loop's `evaluate`."""
    if not config.schedule.evaluation_interval:
        return lambda step: {}
    num = config.schedule.evaluation_samples
    measure = during_training.evaluator(gan, images, labels, num)

    def evaluate(step: int) -> dict[str, float]:
        figures = measure()
        evaluations.add(config.job_dir, {"step": step, **during_training.protocol(num), **figures})
        return {f"evaluation/{name}": figure for name, figure in figures.items()}

    return evaluate


def _picture(gan: FashionGAN) -> Callable[[], np.ndarray]:
    """Draws the run's fixed latents: a grid, of a conditional generator with a row a class."""
    recipe = gan.recipe
    classes = len(recipe.data.class_names)
    rows = min(classes, MOST_ROWS) if recipe.networks.conditional else COLUMNS
    samples = rows * COLUMNS
    latents = Draws(recipe.seed, 0, 0, samples).normal("samples", recipe.networks.noise_dim)
    labels = tf.range(samples) // COLUMNS
    sample = tf.function(gan.sample, autograph=False)
    return lambda: image_grids.grid(
        pixels.to_bytes(sample(latents, labels).numpy(), gan.lowest), COLUMNS
    )


def _trainer(
    gan: FashionGAN, strategy: tf.distribute.Strategy, images: np.ndarray, labels: np.ndarray
) -> Callable[[int, int], dict[str, float]]:
    """The loop's `train`: feeds the data order and stops at the first bad number."""
    recipe = gan.recipe
    feed = feeding.feed(images, labels, strategy.extended.worker_devices)
    train_steps = make_train_steps(gan, strategy, feed)

    def train(step: int, count: int) -> dict[str, float]:
        batch = configuration.images_a_step(recipe)
        rows = order.batches(recipe.seed, feed.examples, batch, step, count)
        means, first_bad = train_steps(*feed.send(rows))
        if first_bad >= 0:
            raise RefusedError(
                f"a loss or gradient is not finite at step {int(first_bad)}: no later "
                "checkpoint was saved; start anew with lower learning rates"
            )
        return dict(zip(METRICS, map(float, means), strict=True))

    return train
