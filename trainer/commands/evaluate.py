"""The evaluate command: metrics of a run's checkpoints against the test images.

TensorFlow is imported only where there is something to measure: a CronJob asks every few minutes.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from trainer import run_layout
from trainer.cloud.mirror import Mirror
from trainer.commands import result_table
from trainer.configuration import config_json
from trainer.configuration.config import EvaluateConfig
from trainer.evaluation import protocols
from trainer.runs import checkpoint_choice, checkpoint_files, evaluations, in_bucket, stored_runs
from trainer.system import activity
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

_Seen = tuple[Path, int, int]  # a checkpoint, and its index's size and time

WATCH_SECONDS = 30.0
_SMALL_FILES = (
    config_json.FILE,
    run_layout.EVALUATIONS,
    run_layout.FEATURES,
    run_layout.FINISHED,
)


def run(settings: EvaluateConfig) -> None:
    """Evaluates one checkpoint, all that have not been evaluated, or each as it is saved.

    Raises:
      RefusedError: there is no such run or checkpoint, or no classifier for its data set.
      InterruptedRun: the storage cannot be reached.
    """
    many = settings.new or settings.watch
    mirror = None
    if settings.job_dir_url:
        parts = _SMALL_FILES if many else (*_SMALL_FILES, run_layout.CHECKPOINTS)
        mirror = in_bucket.fetch(settings.job_dir_url, settings.job_dir, *parts)
    if many:
        _evaluate_all(settings, mirror)
    else:
        _evaluate_one(settings, mirror)


def _evaluate_one(settings: EvaluateConfig, mirror: Mirror | None) -> None:
    """Evaluates the checkpoint that is asked for."""
    stored = stored_runs.read_with_checkpoint(settings.job_dir, settings.checkpoint)
    protocols.check(stored.recipe, settings)
    from trainer.evaluation import checkpoint_results

    network = checkpoint_results.load(settings)
    folder = settings.job_dir / run_layout.CHECKPOINTS
    is_recorded = checkpoint_choice.belongs_to_run(folder, settings.checkpoint)
    if is_recorded:
        evaluations.check_writable(settings.job_dir)
    result = checkpoint_results.measure(network, settings, mirror if is_recorded else None)
    if is_recorded:
        _record_and_print(result, settings, mirror)
    else:
        log.info("not recorded: %s is not in %s", settings.checkpoint, settings.job_dir)
        _print(result)


def _evaluate_all(settings: EvaluateConfig, mirror: Mirror | None) -> None:
    """Evaluates the checkpoints that have no result; with `watch` until the run is complete."""
    unreadable: dict[_Seen, str] = {}
    while True:
        is_complete = (settings.job_dir / run_layout.FINISHED).exists()
        new = _new_steps(settings, mirror)
        if new:
            _evaluate_new(settings, mirror, new, unreadable)
        elif new is not None and (is_complete or settings.new):
            stands = "is complete" if is_complete else "has nothing new"
            log.info("%s %s, and is measured: nothing to do", settings.job_dir, stands)
        if is_complete or not settings.watch:
            break
        activity.now("")
        time.sleep(WATCH_SECONDS)
        if mirror:
            in_bucket.fetch_again(mirror, *_SMALL_FILES)
    errors = [error for seen, error in unreadable.items() if seen == _seen(seen[0])]
    if errors:
        raise RefusedError(f"{'; '.join(errors)}: all others are measured; restore or remove it")


def _new_steps(settings: EvaluateConfig, mirror: Mirror | None) -> set[int] | None:
    """Steps of the checkpoints that have no result with these settings; None: there is no run."""
    stored = config_json.read(settings.job_dir)
    if stored is None:
        log.info("%s holds no run yet: nothing to measure", settings.job_dir)
        return None
    evaluations.check_writable(settings.job_dir)
    protocols.check(stored.recipe, settings)
    protocol = protocols.known(stored.recipe, settings)
    recorded = evaluations.read(settings.job_dir, evaluations.TEST)
    evaluated = {
        result["step"]
        for result in recorded
        if protocol
        and protocol.items() <= result.items()
        and (not settings.cas or protocols.has_score(stored.recipe, result))
    }
    if mirror:
        there = checkpoint_files.complete_among(mirror.names(), f"{run_layout.CHECKPOINTS}/")
    else:
        there = set(checkpoint_files.complete(settings.job_dir / run_layout.CHECKPOINTS))
    return there - evaluated


def _evaluate_new(
    settings: EvaluateConfig, mirror: Mirror | None, new: set[int], unreadable: dict[_Seen, str]
) -> None:
    """Evaluates the checkpoints of new steps, the oldest first.

    Args:
      settings: of the command.
      mirror: the local copy of a run in a bucket, without its checkpoints at first.
      new: the steps.
      unreadable: checkpoints to skip, with the reason; newly found ones are added.
    """
    from trainer.evaluation import checkpoint_results

    if mirror:
        in_bucket.fetch_again(mirror, *_SMALL_FILES, run_layout.CHECKPOINTS)
    stored = config_json.read(settings.job_dir)
    if stored is None:  # removed meanwhile
        return
    for step, path in checkpoint_files.complete(settings.job_dir / run_layout.CHECKPOINTS).items():
        seen = _seen(path)
        if step not in new or seen in unreadable:
            continue
        try:
            network = checkpoint_results.restore(stored, path, settings)
        except RefusedError as error:
            if seen is not None and checkpoint_files.has_index(path):
                log.warning("%s", error)
                unreadable[seen] = str(error)
            else:
                log.info("%s is gone: the run has removed it, as an old one", path)
            continue
        result = checkpoint_results.measure(network, settings, mirror)
        _record_and_print(result, settings, mirror)


def _seen(path: Path) -> _Seen | None:
    """The checkpoint as it is now: a run may save the same step once more. None: it is gone."""
    try:
        index = Path(f"{path}.index").stat()
    except OSError:
        return None
    return path, index.st_size, index.st_mtime_ns


def _record_and_print(
    result: dict[str, Any], settings: EvaluateConfig, mirror: Mirror | None
) -> None:
    """Records a result, unless it is recorded already; it is printed also where that fails."""
    try:
        if result not in evaluations.read(settings.job_dir, evaluations.TEST):
            evaluations.add(settings.job_dir, result)
            if mirror:
                in_bucket.add(mirror)
    finally:
        _print(result)


def _print(result: dict[str, Any]) -> None:
    """Prints JSON to stdout and a readable table to stderr."""
    print(json.dumps(result), flush=True)
    if log.isEnabledFor(logging.INFO):
        print("\n".join(result_table.lines(result)), file=sys.stderr)
