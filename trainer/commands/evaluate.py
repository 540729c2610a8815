"""The evaluate command: metrics of a run's checkpoints against the test images."""

from __future__ import annotations

import functools
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.cloud.data_folder import CopiedData
from trainer.cloud.mirror import Mirror
from trainer.configuration import config_json
from trainer.configuration.choices import INCEPTION
from trainer.configuration.config import EvaluateConfig, Recipe
from trainer.data import loading
from trainer.data.prepared import Arrays
from trainer.evaluation import evaluator, inception, own_features
from trainer.evaluation.classifiers import Networks
from trainer.evaluation.evaluator import Evaluator
from trainer.models import forms
from trainer.runs import checkpoints, evaluations, file_names, in_bucket, trained_networks
from trainer.runs.trained_networks import Trained
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

WATCH_SECONDS = 30.0
_FILES = (
    *trained_networks.FILES,
    file_names.EVALUATIONS_FILE,
    file_names.FINISHED,
    own_features.FOLDER,
)


def run(settings: EvaluateConfig) -> None:
    """Evaluates one checkpoint, all that have not been evaluated, or each as it is saved.

    Raises:
      RefusedError: there is no such run or checkpoint, or no classifier for its data set.
      InterruptedRun: the storage cannot be reached.
    """
    mirror = None
    if settings.job_dir_url:
        mirror = in_bucket.fetch(settings.job_dir_url, settings.job_dir, *_FILES)
    if settings.new or settings.watch:
        _evaluate_all(settings, mirror)
        return
    _configure(settings.threads)
    network = trained_networks.load(settings.job_dir, settings.checkpoint)
    is_recorded = checkpoints.belongs_to_run(settings.job_dir / "checkpoints", settings.checkpoint)
    if is_recorded:
        evaluations.check_writable(settings.job_dir)
    result = _evaluate(network, settings)
    if is_recorded:
        _record(result, settings, mirror)
    else:
        log.info("not recorded: %s is not in %s", settings.checkpoint, settings.job_dir)
    _print(result)


def _evaluate_all(settings: EvaluateConfig, mirror: Mirror | None) -> None:
    """Evaluates the checkpoints that have no result; with `watch` until the run is complete."""
    unreadable: dict[Path, str] = {}
    while True:
        is_complete = (settings.job_dir / file_names.FINISHED).exists()
        _evaluate_new(settings, mirror, unreadable)
        if is_complete or not settings.watch:
            break
        time.sleep(WATCH_SECONDS)
        if mirror:
            in_bucket.fetch_again(mirror, *_FILES)
    errors = [error for path, error in unreadable.items() if checkpoints.has_index(path)]
    if errors:
        raise RefusedError(f"{'; '.join(errors)}: all others are measured; restore or remove it")


@functools.cache
def _configure(threads: int) -> None:
    """One device, whatever the run was trained on."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()


@functools.cache
def _networks(recipe: Recipe, settings: EvaluateConfig) -> Networks:
    """What images are seen with; Inception is kept where the data are."""
    evaluator.check(recipe, settings)
    if settings.features == INCEPTION and settings.data_dir_url:
        copied = CopiedData(settings.data_dir_url, settings.data_dir, inception.FOLDER)
        inception.fetch(settings.data_dir)
        try:
            copied.send()
        except RefusedError as error:
            log.info("Inception will be downloaded again the next time: %s", error)
    return evaluator.networks(recipe, settings, lambda: _load(recipe, settings, "train"))


@functools.cache
def _load(recipe: Recipe, settings: EvaluateConfig, split: str) -> Arrays:
    """The images of a split, and their labels, of which a bucket's are copied first."""
    _fetch_data(recipe, settings)
    return loading.load(recipe.data, split, settings.data_dir, settings.cache_dir)


@functools.cache
def _fetch_data(recipe: Recipe, settings: EvaluateConfig) -> None:
    stored = loading.stored_as(recipe.data.dataset)
    if settings.data_dir_url and stored:
        CopiedData(settings.data_dir_url, settings.data_dir, stored)


@functools.cache
def _make_evaluator(recipe: Recipe, settings: EvaluateConfig) -> Evaluator:
    seen_with = _networks(recipe, settings)
    train, test = (_load(recipe, settings, split) for split in ("train", "test"))
    return Evaluator(recipe, settings, seen_with, train, test)


def _evaluate_new(
    settings: EvaluateConfig, mirror: Mirror | None, unreadable: dict[Path, str]
) -> None:
    """Evaluates every checkpoint that has no result with these settings, the oldest first.

    Args:
      settings: of the command.
      mirror: the local copy of a run in a bucket.
      unreadable: checkpoints to skip, with the reason; newly found ones are added.
    """
    stored = config_json.read(settings.job_dir)
    if stored is None:
        log.info("%s holds no run yet: nothing to measure", settings.job_dir)
        return
    recipe = stored.recipe
    forms.use(stored.execution.forms)
    evaluations.check_writable(settings.job_dir)
    _configure(settings.threads)
    protocol = evaluator.protocol(recipe, settings, _networks(recipe, settings))
    recorded = evaluations.read(settings.job_dir, evaluations.TEST)
    evaluated = {result["step"] for result in recorded if protocol.items() <= result.items()}
    for step, path in checkpoints.complete(settings.job_dir / "checkpoints").items():
        if step in evaluated or path in unreadable:
            continue
        try:
            network = trained_networks.restore(recipe, settings.job_dir, str(path))
        except RefusedError as error:
            if checkpoints.has_index(path):
                log.warning("%s", error)
                unreadable[path] = str(error)
            else:
                log.info("%s is gone: the run has removed it, as an old one", path)
            continue
        result = _evaluate(network, settings)
        _record(result, settings, mirror)
        _print(result)


def _evaluate(network: Trained, settings: EvaluateConfig) -> dict[str, Any]:
    """Evaluates a checkpoint."""
    log.info("evaluating %s", network.source)
    return _make_evaluator(network.recipe, settings)(network)


def _record(result: dict[str, Any], settings: EvaluateConfig, mirror: Mirror | None) -> None:
    """Records a result, unless it is recorded already."""
    if result not in evaluations.read(settings.job_dir, evaluations.TEST):
        evaluations.add(settings.job_dir, result)
        if mirror:
            in_bucket.add(mirror)


def _print(result: dict[str, Any]) -> None:
    """Prints JSON to stdout and a readable table to stderr, once it is recorded."""
    print(json.dumps(result), flush=True)
    for name, value in result.items():
        if isinstance(value, float):
            value = f"{value:.4f}"
        elif isinstance(value, dict):
            value = ", ".join(
                f"{key} {'-' if each is None else format(each, '.3f')}"
                for key, each in value.items()
            )
        elif isinstance(value, list):
            value = ", ".join(map(str, value)) or "none"
        print(f"  {name:<30} {value}", file=sys.stderr)
