"""One training run: what its workers agree on, of which each makes its parts."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import math
import time
import zlib
from pathlib import Path
from typing import Any

from trainer import run_layout
from trainer.configuration import checks, config_json
from trainer.configuration.config_json import RunConfig
from trainer.distribution import environment, strategies
from trainer.distribution.cluster_spec import Worker
from trainer.distribution.collectives import WorkerGroup
from trainer.gan import compilation
from trainer.gan.networks import build_networks
from trainer.gan.state import FashionGAN
from trainer.models import flops, forms
from trainer.runs import checkpoint_files
from trainer.runs.checkpoints import Checkpoints
from trainer.system import activity
from trainer.system.exits import InterruptedRun
from trainer.training import (
    first_start,
    planned_length,
    results,
    roles,
    run_directory,
    summary,
    warm_start,
)
from trainer.training.plan import Plan
from trainer.training.storage import Storage

log = logging.getLogger(__name__)

ENDED_SECONDS = 60  # that the chief of a complete run waits for others


def describe(run: RunConfig, workers: int) -> None:
    """Prints the resolved configuration and the networks; trains nothing, and joins no cluster."""
    strategies.configure(run.runtime)
    strategy = strategies.make_strategy(run.runtime)
    replicas = workers * strategy.num_replicas_in_sync
    checks.check_replicas(run.recipe, replicas)
    here = environment.describe(run.runtime, replicas)
    run = first_start.decided(run, here, strategy).run
    print(config_json.to_json(run))
    networks = build_networks(run.recipe, run.recipe.precision)
    for network in networks:
        network.summary(print_fn=print)
        print(flops.described(network))
    if run.execution.jit_compile:
        print(f"XLA compiles {compilation.described(replicas, *networks)}")


def train(
    run: RunConfig,
    asked: int,
    worker: Worker,
    storage: Storage,
    deadline: float = math.inf,
    rejoin: int = 0,
) -> None:
    """Trains or resumes, as one of the cluster's workers. The chief's caller holds the run's lock.

    Args:
      run: the configuration; all workers train by the chief's.
      asked: a checksum of what this worker was asked for, which must be the same for all.
      worker: this process.
      storage: what the run reads and writes; only the chief writes.
      deadline: of `time.monotonic`, for a run whose length is planned by minutes.
      rejoin: how often in a row this process starts itself anew when another worker is lost.

    Raises:
      RefusedError: the data, the checkpoints or the losses do not allow to go on.
      InterruptedRun: a signal stopped the training, and it was saved; or storage is lost.
    """
    activity.now("joining the others")
    runtime, has_ended = run.runtime, worker.is_chief and _has_ended(run, storage.job_dir)
    if has_ended:
        waited = min(runtime.cluster_timeout, ENDED_SECONDS)
        runtime = dataclasses.replace(runtime, cluster_timeout=waited)
    with contextlib.ExitStack() as within:
        joined = strategies.joined_cluster(runtime, worker, rejoin)
        try:
            group = within.enter_context(joined)
        except InterruptedRun:
            if not has_ended:
                raise
            log.info("%s is complete, and the other workers have ended", storage.job_dir)
            summary.log_results(storage.job_dir, run.recipe, storage.data_flags)
            return
        if len(worker.addresses) > 1 and run.schedule.minutes is not None:
            # Machines may come long after another: a run is as long as they are all there.
            deadline = time.monotonic() + 60 * run.schedule.minutes
        _train(run, asked, storage, group, deadline)


def _has_ended(run: RunConfig, job_dir: Path) -> bool:
    """Whether the run is complete, so that other workers may have ended for good.

    A pod of an Indexed Job that fails after all is done is replaced alone: they do not come again.
    """
    if run.environment is None or not results.is_finished(job_dir):
        return False
    newest = checkpoint_files.newest(job_dir / run_layout.CHECKPOINTS)
    return newest is not None and newest >= Plan(run.recipe, run.schedule).last_step


def _train(
    run: RunConfig,
    asked: int,
    storage: Storage,
    group: WorkerGroup,
    deadline: float,
) -> None:
    """The part of a worker, once all are there."""
    activity.now("making the run's parts")
    here = environment.describe(run.runtime, group.strategy.num_replicas_in_sync)
    group.check_equal("the configuration", _fingerprint(asked, here))
    stored_environment = run.environment
    run = _decided(run, here, group, storage, deadline)
    with group.strategy.scope():
        gan = FashionGAN(run.recipe, run.horizon)
    if group.is_chief:
        keep = run.schedule.keep_checkpoints
        saved = Checkpoints(storage.job_dir / run_layout.CHECKPOINTS, gan.state(), keep)
        step = _taken_up(storage.job_dir, saved, stored_environment, here)
        if step is None and storage.initialize_from:
            run = warm_start.initialised(run, gan, storage.initialize_from)
    run = _from_chief(run, group)  # a warm start says how the average begins
    gan.recipe = run.recipe
    if group.is_chief:
        roles.train_as_chief(run, step, saved, storage, group, gan)
    else:
        roles.train_as_worker(run, storage, group, gan)


def _decided(
    run: RunConfig,
    here: dict[str, Any],
    group: WorkerGroup,
    storage: Storage,
    deadline: float,
) -> RunConfig:
    """The chief's configuration, `auto` decided and minutes planned, in force on all workers."""
    speed = None
    replicas = group.strategy.num_replicas_in_sync
    checks.check_replicas(run.recipe, replicas)  # before steps are tried
    is_new = group.broadcast_flag(run.environment is None)
    if is_new:
        # Before anything is measured: what is wrong with the data is said, and nobody waits then.
        activity.now("reading the data")
        storage.load(run.recipe.data)
        group.barrier()
    if group.is_chief:
        run, speed = first_start.decided(run, here, group.strategy)
    run = _from_chief(run, group)
    checks.check_replicas(run.recipe, replicas)
    environment.warn_of_slow_bfloat16(run.recipe.precision)
    forms.use(run.execution.forms)
    if is_new and run.schedule.minutes is not None:
        run = planned_length.planned(run, group, storage, deadline, speed)
        checks.check_profile(run.recipe, run.schedule)
    return run


def _taken_up(
    job_dir: Path, saved: Checkpoints, before: dict[str, Any] | None, here: dict[str, Any]
) -> int | None:
    """The step of the restored checkpoint; None of a new run, which has no environment `before`."""
    if before is None:
        run_directory.check_is_empty(job_dir)
        return None
    step = run_directory.restore(job_dir, saved)
    environment.warn_of_changes(before, here)
    return step


def _fingerprint(asked: int, here: dict[str, Any]) -> int:
    """A number that differs where workers would not train the same, or part company."""
    own = ("processor", "cuda", "replicas", "threads")  # of each machine
    shared = {name: here[name] for name in here if name not in own}
    return zlib.crc32(json.dumps([asked, shared, environment.code()]).encode())


def _from_chief(run: RunConfig, group: WorkerGroup) -> RunConfig:
    text = group.broadcast_bytes(config_json.to_json(run).encode()).decode()
    return config_json.from_json(text, Path("the chief's configuration"))
