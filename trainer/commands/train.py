"""The train command: refuses what cannot work, then trains or resumes under the run's lock."""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import math
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer import run_layout
from trainer.cloud import data_folder
from trainer.cloud.bucket import Bucket
from trainer.cloud.data_folder import DataFolder
from trainer.cloud.url import GsUrl
from trainer.configuration import checks, config_json, resume, step_counts
from trainer.configuration.choices import LATEST
from trainer.configuration.config import Recipe, TrainConfig
from trainer.configuration.config_json import RunConfig
from trainer.data import loading
from trainer.data.datasets import IMAGE_FOLDER, DatasetSpec, LabelledImages
from trainer.distribution import cluster_spec
from trainer.distribution.cluster_spec import Worker
from trainer.runs import checkpoint_files, in_bucket, stored_runs
from trainer.system import file_system, memory_errors, process_image, reexec
from trainer.system.exits import RefusedError, StoppedForAnother
from trainer.training.storage import Hold, Storage

log = logging.getLogger(__name__)


def run(asked: TrainConfig) -> None:
    """Trains, resumes, or describes what would be trained.

    Raises:
      RefusedError: the run directory cannot be used, or holds a run of another recipe.
      InterruptedRun: a signal stopped the training, and it was saved; or storage is lost.
    """
    deadline = process_image.started() + 60 * (asked.schedule.minutes or math.inf)
    worker = cluster_spec.this_worker(asked.runtime.strategy, os.environ)
    checks.check_workers(asked.runtime, len(worker.addresses))
    data = data_folder.at(asked.places)
    if worker.is_chief and asked.job_dir_url is None:
        file_system.check_folder(asked.job_dir, "job_dir")
        if not asked.dry_run and not (asked.job_dir / run_layout.CONFIG).exists():
            _check(asked.recipe, worker, data)  # before the folder is made
            _check_start(asked)
    if asked.dry_run:
        _describe(asked, worker)
        return
    try:
        if worker.is_chief:
            with _held(asked.job_dir, asked.job_dir_url) as hold:
                _train(asked, worker, data, hold, deadline)
        else:  # the others need not even see the run directory
            _train(asked, worker, data, Hold(_nothing, _nothing), deadline)
    except StoppedForAnother:
        reexec.restart_in_place("saved, as another worker was asked to stop", asked.rejoin)
        raise


def _train(
    asked: TrainConfig, worker: Worker, data: DataFolder, hold: Hold, deadline: float
) -> None:
    stored = config_json.read(asked.job_dir) if worker.is_chief else None
    configured = resume.configured(asked, stored)
    _check(configured.recipe, worker, data)
    starts = worker.is_chief and stored is None
    if starts:
        _check_start(asked)
    if stored is not None:
        _refuse_shorter(asked, stored, configured)
        _keep_schedule(asked.job_dir, stored, configured)
    # TensorFlow is imported only now: what is wrong above is said at once.
    from trainer.training import run as training

    source, source_url = asked.initialize_from if starts else None, asked.initialize_from_url
    if source:
        stored_runs.fetch(source_url, source, LATEST, flag="initialize_from")
    flags = tuple(
        f"--{name}={getattr(asked.places, name)}"
        for name in ("data_dir", "cache_dir")
        if name in asked.given
    )
    load = _loader(asked, worker, data, starts)
    storage = Storage(
        *(asked.job_dir, asked.places.cache_dir, load, hold, source),
        data_flags=flags,
        is_sent=asked.job_dir_url is not None,
    )
    try:
        training.train(configured, _checksum(asked), worker, storage, deadline, asked.rejoin)
    except Exception as error:
        refused = memory_errors.refusal(error, _smaller(configured.recipe, asked.job_dir))
        if refused is None:
            raise
        raise refused from error


def _loader(
    asked: TrainConfig, worker: Worker, data: DataFolder, starts: bool
) -> Callable[[DatasetSpec], LabelledImages]:
    """What gives the training images and their labels, once: a plan by minutes sees them first."""

    @functools.cache
    def load(spec: DatasetSpec) -> LabelledImages:
        # Another one than was looked at, if the chief resumes a run of another.
        if asked.recipe.data != spec and data.specify(loading.choice_of(spec, asked.data)) != spec:
            raise RefusedError(
                f"--data_dir={asked.places.data_dir} holds different data from the run's: give "
                "all workers the same"
            )
        is_checked = starts and spec.dataset == IMAGE_FOLDER
        examples = _of_sound_pictures(data, spec) if is_checked else data.load(spec, "train")
        if worker.is_chief:
            _keep(data, spec)  # at once: also where the run does not begin
        data.forget()
        return examples

    return load


def _of_sound_pictures(data: DataFolder, spec: DatasetSpec) -> LabelledImages:
    """The training images; refuses broken pictures of both splits at once.

    Whoever repaired one when an evaluation needs it would have other pictures than the run.
    """
    loaded, refused = [], []
    for split in ("train", "test"):
        try:
            loaded.append(data.load(spec, split))
        except RefusedError as error:
            refused.append(str(error))
    if refused:
        raise RefusedError("; ".join(dict.fromkeys(refused)))
    return loaded[0]


def _keep(data: DataFolder, spec: DatasetSpec) -> None:
    """Sends what was prepared to where others find it; the bucket may be one to read alone."""
    if spec.dataset == IMAGE_FOLDER and data.places.cache_dir_url:
        data.load(spec, "test")  # an evaluation beside the run needs no pictures then
    try:
        data.send()
    except RefusedError as error:
        log.info("data: what was prepared is not kept (%s)", error)


def _refuse_shorter(asked: TrainConfig, stored: RunConfig, configured: RunConfig) -> None:
    """Refuses a length that an interrupted run has passed: it would be complete without its end."""
    done = checkpoint_files.newest(asked.job_dir / run_layout.CHECKPOINTS) or 0
    before = step_counts.total_steps(stored.recipe, stored.schedule)
    length = step_counts.total_steps(configured.recipe, configured.schedule)
    if length < done < before:
        raise RefusedError(
            f"--job_dir={asked.job_dir} has {done} steps already, more than the {length} that are "
            "asked for: give a larger --steps or --epochs, or none to go on as before"
        )


def _keep_schedule(job_dir: Path, stored: RunConfig, configured: RunConfig) -> None:
    """What is asked for now is what a later resume without flags goes on with."""
    kept = dataclasses.replace(
        stored, schedule=configured.schedule, asked_schedule=configured.asked_schedule
    )
    if kept != stored:
        file_system.write_text(job_dir / run_layout.CONFIG, config_json.to_json(kept))


def _smaller(recipe: Recipe, job_dir: Path) -> str:
    """What to do where a batch does not fit.

    Half of it, for no error says how much of the step was still to come. A run keeps its batch, and
    it has started before the first step.
    """
    if recipe.batch_size == 1:
        return "use a smaller --image_size or --preset"
    smaller = f"use --batch_size={recipe.batch_size // 2} instead of {recipe.batch_size}"
    if (job_dir / run_layout.CONFIG).exists():
        smaller += f" and a folder other than --job_dir={job_dir}, whose run keeps its batch"
    return smaller


def _check(recipe: Recipe, worker: Worker, data: DataFolder) -> None:
    """Refuses what does not depend on the run directory; fetches data from their bucket."""
    checks.check_replicas(recipe, len(worker.addresses))
    data.fetch(recipe.data.dataset)
    loading.check(recipe.data, data.places.data_dir)


def _check_start(asked: TrainConfig) -> None:
    """Refuses a new run in a folder with another's models, or from a run that is none."""
    if other := next((asked.job_dir / run_layout.MODELS).glob("*"), None):
        raise stored_runs.without_configuration(asked.job_dir, other)
    if asked.preset == "own" and "dataset" not in asked.given:
        log.warning(
            "--preset=own is meant for your own pictures, but this run trains on %s: for yours add "
            "--dataset=%s --data_dir=FOLDER",
            *(asked.recipe.data.dataset, IMAGE_FOLDER),
        )
    # Later the run is not read any more.
    source, url = asked.initialize_from, asked.initialize_from_url
    if source:
        in_bucket.fetch(url, source, run_layout.CONFIG, flag="initialize_from")
    if source and config_json.read(source) is None:
        raise RefusedError(f"--initialize_from={url or source} holds no run: train it first")


def _describe(asked: TrainConfig, worker: Worker) -> None:
    in_bucket.fetch(asked.job_dir_url, asked.job_dir, run_layout.CONFIG)
    stored = config_json.read(asked.job_dir)
    configured = resume.configured(asked, stored)
    if stored is None:
        _check_start(asked)
    checks.check_replicas(configured.recipe, len(worker.addresses))
    if asked.places.data_dir_url and loading.SOURCES[configured.recipe.data.dataset].stored_as:
        Bucket(asked.places.data_dir_url, "data_dir")
    else:
        loading.check(configured.recipe.data, asked.places.data_dir)
    from trainer.training import run as training

    training.describe(configured, len(worker.addresses))


def _nothing() -> None:
    """For what needs nothing: a local folder keeps what is written, a lease confirms itself."""


@contextmanager
def _held(job_dir: Path, job_dir_url: GsUrl | None) -> Iterator[Hold]:
    """Holds the run directory by a lease, or by its lock."""
    if job_dir_url:
        with in_bucket.leased(job_dir_url, job_dir) as send:
            yield Hold(send, _nothing)
    else:
        file_system.make_folder(job_dir, "job_dir")
        with file_system.locked(job_dir, "job_dir") as confirm:
            yield Hold(_nothing, confirm)


def _checksum(asked: TrainConfig) -> int:
    """A number that differs where what is to be trained, how or for how long does."""
    parts = [dataclasses.asdict(part) for part in (asked.recipe, asked.execution, asked.schedule)]
    return zlib.crc32(json.dumps(parts).encode())
