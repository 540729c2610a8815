"""The evaluate command: figures of a run's checkpoints against the test images."""

from __future__ import annotations

import functools
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.cloud.data import CopiedData
from trainer.cloud.mirror import Mirror
from trainer.configuration import config
from trainer.configuration.choices import OWN_FEATURES
from trainer.configuration.config import EvaluateConfig, Recipe
from trainer.evaluation import evaluator, inception
from trainer.evaluation.evaluator import Measure
from trainer.runs import checkpoints, evaluations, file_names, in_bucket, trained
from trainer.runs.trained import Trained
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

WATCH_SECONDS = 30.0
_FILES = (*trained.FILES, file_names.EVALUATIONS_FILE, file_names.FINISHED)


def run(settings: EvaluateConfig) -> None:
    """Measures a checkpoint, those that nobody has measured, or each that comes.

    Raises:
      RefusedError: there is no such run or checkpoint, or no classifier knows its data set.
      InterruptedRun: the storage cannot be reached.
    """
    copy = None
    if settings.job_dir_url:
        copy = in_bucket.fetch(settings.job_dir_url, settings.job_dir, *_FILES)
    if settings.new or settings.watch:
        _evaluate_all(settings, copy)
        return
    _configure(settings.threads)
    network = trained.load(settings.job_dir, settings.checkpoint)
    is_recorded = checkpoints.is_in(settings.job_dir / "checkpoints", settings.checkpoint)
    if is_recorded:
        evaluations.check(settings.job_dir)
    line = _measured(network, settings)
    if is_recorded:
        _record(line, settings, copy)
    else:
        log.info("not recorded: %s is not in %s", settings.checkpoint, settings.job_dir)


def _evaluate_all(settings: EvaluateConfig, copy: Mirror | None) -> None:
    """Measures the checkpoints that have no line yet; with `watch` until the run is complete."""
    unreadable: dict[Path, str] = {}
    while True:
        is_complete = (settings.job_dir / file_names.FINISHED).exists()
        _evaluate_new(settings, copy, unreadable)
        if is_complete or not settings.watch:
            break
        time.sleep(WATCH_SECONDS)
        if copy:
            in_bucket.fetch_again(copy, *_FILES)
    damage = [what for path, what in unreadable.items() if checkpoints.looks_whole(path)]
    if damage:
        raise RefusedError(f"{'; '.join(damage)}: all others are measured; restore or remove it")


@functools.cache
def _configure(threads: int) -> None:
    """One device, whatever the run was trained on."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()


@functools.cache
def _prepare(recipe: Recipe, settings: EvaluateConfig) -> None:
    """Sees to what figures need besides the data; Inception is kept where these are."""
    evaluator.check(recipe, settings)
    if settings.features == OWN_FEATURES or not settings.data_dir_url:
        return
    kept = CopiedData(settings.data_dir_url, settings.data_dir, inception.FOLDER)
    inception.fetch(settings.data_dir)
    try:
        kept.send()
    except RefusedError as error:
        log.info("Inception will be downloaded again the next time: %s", error)


@functools.cache
def _measure(recipe: Recipe, settings: EvaluateConfig) -> Measure:
    _prepare(recipe, settings)
    if settings.data_dir_url and recipe.data.dataset != "synthetic":
        CopiedData(settings.data_dir_url, settings.data_dir, recipe.data.dataset)
    return Measure(recipe, settings)


def _evaluate_new(
    settings: EvaluateConfig, copy: Mirror | None, unreadable: dict[Path, str]
) -> None:
    """Measures every checkpoint that has no line yet, the oldest first.

    Args:
      settings: what is asked for.
      copy: of a run in a bucket.
      unreadable: checkpoints that are passed over, with the reason; what is found is added.
    """
    stored = config.read_json(settings.job_dir)
    if stored is None:
        log.info("%s holds no run yet: nothing to measure", settings.job_dir)
        return
    recipe = config.recipe_from(stored, settings.job_dir)
    evaluations.check(settings.job_dir)
    _prepare(recipe, settings)
    asked = evaluator.protocol(recipe, settings)
    known = evaluations.read(settings.job_dir, evaluations.TEST)
    measured = {line["step"] for line in known if asked.items() <= line.items()}
    for step, path in checkpoints.whole(settings.job_dir / "checkpoints").items():
        if step in measured or path in unreadable:
            continue
        _configure(settings.threads)
        try:
            network = trained.load(settings.job_dir, str(path))
        except RefusedError as error:
            if checkpoints.looks_whole(path):
                log.warning("%s", error)
                unreadable[path] = str(error)
            else:
                log.info("%s is gone: the run has removed it, as an old one", path)
            continue
        _record(_measured(network, settings), settings, copy)


def _measured(network: Trained, settings: EvaluateConfig) -> dict[str, Any]:
    """Measures a checkpoint and shows the figures."""
    log.info("evaluating %s", network.source)
    line = _measure(network.recipe, settings)(network)
    print(json.dumps(line), flush=True)
    _show(line)
    return line


def _record(line: dict[str, Any], settings: EvaluateConfig, copy: Mirror | None) -> None:
    """Records figures, unless they are known."""
    if line not in evaluations.read(settings.job_dir, evaluations.TEST):
        evaluations.add(settings.job_dir, line)
        if copy:
            in_bucket.add(copy)


def _show(line: dict[str, Any]) -> None:
    """The same as a table for people."""
    for name, value in line.items():
        if isinstance(value, float):
            value = f"{value:.4f}"
        elif isinstance(value, dict):
            value = ", ".join(f"{key} {share:.3f}" for key, share in value.items())
        elif isinstance(value, list):
            value = ", ".join(map(str, value)) or "none"
        print(f"  {name:<30} {value}", file=sys.stderr)
