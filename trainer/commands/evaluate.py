"""The evaluate command: metrics of a run's checkpoints against the test images.

TensorFlow is imported only where there is something to measure: a CronJob asks every few minutes.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer import run_layout
from trainer.cloud import data_folder
from trainer.cloud.mirror import Mirror
from trainer.commands import result_table
from trainer.configuration import config_json
from trainer.configuration.config import EvaluateConfig
from trainer.configuration.config_json import RunConfig
from trainer.data.attribute_tables import MissingAttributeError
from trainer.data.picture_files import WrongFolderError
from trainer.evaluation import protocols
from trainer.runs import checkpoint_choice, checkpoint_files, evaluations, in_bucket, stored_runs
from trainer.system import activity
from trainer.system.exits import RefusedError

if TYPE_CHECKING:
    from trainer.evaluation.checkpoint_results import CheckpointResults

log = logging.getLogger(__name__)

_Seen = tuple[Path, int, int]  # a checkpoint, and its index's size and time

WATCH_SECONDS = 30.0
_SMALL_FILES = (
    run_layout.CONFIG,
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
    parts = _SMALL_FILES if many else (*_SMALL_FILES, run_layout.CHECKPOINTS)
    mirror = in_bucket.fetch(
        settings.job_dir_url, settings.job_dir, *parts, checkpoint=settings.checkpoint
    )
    if many:
        _evaluate_all(settings, mirror)
    else:
        _evaluate_one(settings, mirror)


def _evaluate_one(settings: EvaluateConfig, mirror: Mirror | None) -> None:
    """Evaluates the checkpoint that is asked for."""
    stored = stored_runs.read_with_checkpoint(settings.job_dir, settings.checkpoint)
    protocols.check(stored.recipe, settings.measurement.features)
    folder = settings.job_dir / run_layout.CHECKPOINTS
    is_recorded = checkpoint_choice.belongs_to_run(folder, settings.checkpoint)
    results = _results(stored, settings, mirror if is_recorded else None)
    trained = results.restore(settings.checkpoint)
    if is_recorded:
        evaluations.check_writable(settings.job_dir)
    result = results.measure(trained)
    if is_recorded:
        _record_and_print(result, settings.job_dir, mirror)
    else:
        log.info("not recorded: %s is not in %s", settings.checkpoint, settings.job_dir)
        _print(result)


def _evaluate_all(settings: EvaluateConfig, mirror: Mirror | None) -> None:
    """Evaluates the checkpoints that have no result; with `watch` until the run is complete."""
    unreadable: dict[_Seen, str] = {}
    results: CheckpointResults | None = None
    while True:
        is_complete = (settings.job_dir / run_layout.FINISHED).exists()
        new = _new_steps(settings, mirror)
        if new:
            results = _evaluate_new(settings, mirror, new, unreadable, results)
        elif new is not None and (is_complete or settings.new):
            stands = "is complete" if is_complete else "has nothing new"
            log.info("%s %s, and all of it is measured: nothing to do", settings.job_dir, stands)
        if is_complete or not settings.watch:
            break
        activity.now("")
        time.sleep(WATCH_SECONDS)
        if mirror:
            in_bucket.fetch_again(mirror, *_SMALL_FILES)
    errors = [error for seen, error in unreadable.items() if seen == _seen(seen[0])]
    if errors:
        raise RefusedError(
            f"{'; '.join(errors)}: all others are measured; restore these or remove them"
        )


def _new_steps(settings: EvaluateConfig, mirror: Mirror | None) -> set[int] | None:
    """Steps of the checkpoints that have no result with these settings; None: there is no run."""
    stored = config_json.read(settings.job_dir)
    if stored is None:
        log.info("%s holds no run yet: nothing to measure", settings.job_dir)
        return None
    evaluations.check_writable(settings.job_dir)
    asked = settings.measurement
    protocols.check(stored.recipe, asked.features)
    protocol = protocols.known(stored.recipe.data, asked, settings.job_dir, settings.places)
    recorded = evaluations.read(settings.job_dir, run_layout.TEST)
    evaluated = {
        result["step"]
        for result in recorded
        if protocol
        and protocol.items() <= result.items()
        and (not asked.cas or protocols.has_score(stored.recipe, result))
    }
    return in_bucket.steps(mirror, settings.job_dir) - evaluated


def _evaluate_new(
    settings: EvaluateConfig,
    mirror: Mirror | None,
    new: set[int],
    unreadable: dict[_Seen, str],
    results: CheckpointResults | None,
) -> CheckpointResults | None:
    """Evaluates the checkpoints of new steps, the oldest first.

    Args:
      settings: of the command.
      mirror: the local copy of a run in a bucket, without its checkpoints at first.
      new: the steps.
      unreadable: checkpoints to skip, with the reason; newly found ones are added.
      results: what has measured others, if any were.

    Returns:
      What has measured them: the same, unless the run is another.
    """
    if mirror:
        in_bucket.fetch_again(mirror, *_SMALL_FILES, run_layout.CHECKPOINTS)
    stored = config_json.read(settings.job_dir)
    if stored is None:  # removed meanwhile
        return results
    if results is None or results.stored != stored:
        results = _results(stored, settings, mirror)
    for step, path in checkpoint_files.complete(settings.job_dir / run_layout.CHECKPOINTS).items():
        seen = _seen(path)
        if step not in new or seen in unreadable:
            continue
        try:
            trained = results.restore(str(path))
        except RefusedError as error:
            if seen is not None and checkpoint_files.has_index(path):
                log.warning("%s", error)
                unreadable[seen] = str(error)
            else:
                log.info("%s is gone: a run removes its older checkpoints", path)
            continue
        _record_and_print(results.measure(trained), settings.job_dir, mirror)
    return results


def _seen(path: Path) -> _Seen | None:
    """The checkpoint as it is now: a run may save the same step once more. None: it is gone."""
    try:
        index = Path(f"{path}.index").stat()
    except OSError:
        return None
    return path, index.st_size, index.st_mtime_ns


def _results(
    stored: RunConfig, settings: EvaluateConfig, mirror: Mirror | None
) -> CheckpointResults:
    try:
        data_folder.at(settings.places).check(stored.recipe.data)
    except (WrongFolderError, MissingAttributeError) as error:
        raise RefusedError(
            f"--job_dir={settings.job_dir_url or settings.job_dir} holds a run on a folder of "
            f"pictures: name it with --data_dir, as it was then ({error})"
        ) from error
    from trainer.evaluation import checkpoint_results
    from trainer.system import determinism

    determinism.configure(settings.threads)
    return checkpoint_results.CheckpointResults(
        stored, settings.job_dir, settings.places, settings.measurement, mirror
    )


def _record_and_print(result: dict[str, Any], job_dir: Path, mirror: Mirror | None) -> None:
    """Records a result, unless it is recorded already; it is printed also where that fails."""
    try:
        if result not in evaluations.read(job_dir, run_layout.TEST):
            evaluations.add(job_dir, result)
            in_bucket.add(mirror)
    finally:
        _print(result)


def _print(result: dict[str, Any]) -> None:
    """Prints JSON to stdout and a readable table to stderr."""
    print(json.dumps(result), flush=True)
    if log.isEnabledFor(logging.INFO):
        print("\n".join(result_table.lines(result)), file=sys.stderr)
