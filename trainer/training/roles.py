"""What each worker of a run does: the chief trains and keeps the run, the others train."""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path

import numpy as np

from trainer import run_layout
from trainer.configuration import config_json, step_counts
from trainer.configuration.config import Recipe, Schedule
from trainer.configuration.config_json import RunConfig
from trainer.data import feeding
from trainer.data.datasets import LabelledImages
from trainer.data.feeding import Feed
from trainer.distribution.collectives import WorkerGroup, checksum
from trainer.gan.state import FashionGAN
from trainer.monitoring import profiling
from trainer.monitoring.model_monitor import ModelMonitor, ProgressOnly
from trainer.monitoring.progress import Progress
from trainer.runs import state_variables
from trainer.runs.checkpoints import Checkpoints
from trainer.system import activity, file_system, process_image, signals
from trainer.system.exits import StoppedByAgreement, StoppedForAnother
from trainer.training import callbacks, grids, loop, results, run_directory, start_warnings, summary
from trainer.training.plan import Plan
from trainer.training.run_evaluations import LateEvaluation, RunEvaluations
from trainer.training.storage import Storage

log = logging.getLogger(__name__)


def train_as_chief(
    run: RunConfig,
    step: int | None,
    saved: Checkpoints,
    storage: Storage,
    group: WorkerGroup,
    gan: FashionGAN,
) -> None:
    """The chief's part, from the restored `step` on, or from the start: it alone writes files."""
    job_dir, recipe, schedule = storage.job_dir, run.recipe, run.schedule
    plan = Plan(recipe, schedule)
    if _is_complete(step, plan, storage, group):
        return
    port, since_save = run.runtime.metrics_port, saved.seconds_since_save
    reporters = callbacks.reporters(job_dir, port, step, plan.last_step, since_save)
    _share_state(group, gan)
    images, labels = _read_data(storage, recipe)
    run_directory.check_writable(job_dir)
    start_warnings.warn_if_short(recipe, schedule)
    start_warnings.warn_if_not_measurable(recipe)
    run_directory.trim(job_dir, recipe, -1 if step is None else step)
    measured = RunEvaluations(gan, images, labels, plan, storage, saved)
    measured.keep_best()  # if a kill came before its copy
    samples = grids.samples(gan, images, labels)
    feed = feeding.feed(images, labels, group.strategy.extended.worker_devices)
    compiles = bool(run.execution.jit_compile)
    with contextlib.closing(
        ModelMonitor(job_dir, recipe, samples, gan.learning_rates, reporters)
    ) as monitor:
        if step is None:
            _record_start(run, monitor, saved, job_dir, grids.real(recipe, images, labels))
        storage.hold.commit()  # of a resume also that it is one, however soon it is killed
        train_steps = callbacks.training(gan, group.strategy, feed, compiles, plan.last_step)
        at_pauses = loop.Callbacks(
            train=_profiled(_confirmed(train_steps, storage), schedule, job_dir),
            evaluate=measured.evaluate,
            monitor=monitor,
            save=callbacks.saving(saved, job_dir, measured.keep_best, storage.hold),
            seconds_since_save=saved.seconds_since_save,
        )
        results.unmark(job_dir)
        late = measured.late(monitor.amend, storage.hold.commit)
        _loop(plan, group, gan, at_pauses, feed, late)
        activity.now("writing the results")
        results.finish(job_dir, run.preset, recipe, monitor)
    storage.hold.commit()
    group.barrier()
    summary.log_end(recipe, int(gan.step.numpy()), time.monotonic() - process_image.started())
    summary.log_results(job_dir, recipe, storage.data_flags)


def train_as_worker(
    run: RunConfig,
    storage: Storage,
    group: WorkerGroup,
    gan: FashionGAN,
) -> None:
    """The other workers' part: they train, and keep nothing."""
    if group.broadcast_flag(False):
        log.info("the run is complete: nothing to do")
        return
    _share_state(group, gan)
    images, labels = _read_data(storage, run.recipe)
    feed = feeding.feed(images, labels, group.strategy.extended.worker_devices)
    plan = Plan(run.recipe, run.schedule)
    progress = Progress(int(gan.step.numpy()), plan.last_step)

    def saved_first(step: int) -> str:
        return ", once the chief has saved it" if plan.checkpoint_due(step) else ""

    with contextlib.closing(ProgressOnly(run.recipe, [progress])) as monitor:
        at_pauses = loop.Callbacks(
            train=callbacks.training(
                gan,
                group.strategy,
                feed,
                bool(run.execution.jit_compile),
                plan.last_step,
                saved_first,
            ),
            evaluate=callbacks.waiting_for("evaluation"),
            monitor=monitor,
            save=callbacks.waiting_for("checkpoint"),
            seconds_since_save=lambda: 0.0,  # the chief's matter
        )
        late = LateEvaluation(lambda step: False, at_pauses.evaluate)
        _loop(plan, group, gan, at_pauses, feed, late)
    activity.now("waiting for the chief's results")
    group.barrier()  # until the chief has written all: if it is lost, all must start again
    log.info("complete at step %d; the chief has the results", plan.last_step)


def _is_complete(step: int | None, plan: Plan, storage: Storage, group: WorkerGroup) -> bool:
    """Whether the run has ended, which is said, and the other workers learn."""
    job_dir = storage.job_dir
    has_ended = step is not None and step >= plan.last_step and results.is_finished(job_dir)
    if group.broadcast_flag(has_ended):
        log.info(
            "%s is complete at step %d: nothing to do; for more, raise --steps or --epochs",
            job_dir,
            step,
        )
        summary.log_results(job_dir, plan.recipe, storage.data_flags)
    return has_ended


def _read_data(storage: Storage, recipe: Recipe) -> LabelledImages:
    activity.now("reading the data")
    return storage.load(recipe.data)


def _share_state(group: WorkerGroup, gan: FashionGAN) -> None:
    """Gives the chief's state to all workers."""
    variables = dict(state_variables.named_variables(gan.state()))
    group.broadcast_variables(variables)
    group.check_equal("the state before the first step", checksum(variables))


def _record_start(
    run: RunConfig, monitor: ModelMonitor, saved: Checkpoints, job_dir: Path, real: np.ndarray
) -> None:
    """Records the untrained run. It counts as started when config.json is there."""
    text = config_json.to_json(run)
    monitor.record_start(run, real)
    monitor.flush()
    saved.save(0)
    file_system.write_text(job_dir / run_layout.CONFIG, text)


def _confirmed(train: profiling.Train, storage: Storage) -> profiling.Train:
    """Stops before it writes into a run directory that is another one by now."""

    def confirmed(step: int, count: int) -> dict[str, float]:
        means = train(step, count)
        storage.hold.confirm()
        return means

    return confirmed


def _profiled(train: profiling.Train, schedule: Schedule, job_dir: Path) -> profiling.Train:
    if not schedule.profile_steps:
        return train
    first, last = schedule.profile_steps
    return profiling.profiled(train, first, last, job_dir)


def _loop(
    plan: Plan,
    group: WorkerGroup,
    gan: FashionGAN,
    at_pauses: loop.Callbacks,
    feed: Feed,
    late: LateEvaluation,
) -> None:
    """Trains to the end; an evaluation that was due where the run was left is made first.

    Raises:
      StoppedByAgreement: a signal, to any worker, came before that.
    """
    length = loop.LoopLength(
        plan.schedule.steps_per_loop,
        signals.stop_requested,
        group.agree_on_steps,
        feed.most_steps(step_counts.images_a_step(plan.recipe)),
    )
    step = int(gan.step.numpy())
    with signals.graceful():
        if group.broadcast_flag(late.is_owed(step)):
            late.make(step)
        reached = loop.run(step, plan, at_pauses, length)
    # Who stops must not wait for the chief, which may still save.
    if reached < plan.last_step or group.broadcast_flag(late.is_owed(reached)):
        # A signal to this process counts also if it came while the chief saved.
        stopped = StoppedByAgreement if signals.stop_requested() else StoppedForAnother
        at = f"step {reached}"
        saved = f"and saved at {at}" if group.is_chief else f"at {at}, which the chief saves"
        raise stopped(f"interrupted {saved}: run the same command again")
