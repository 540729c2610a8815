"""A run directory as a start finds it: empty, or taken up and trimmed to its last checkpoint."""

from __future__ import annotations

import logging
from pathlib import Path

from trainer import run_layout
from trainer.configuration.config import Recipe
from trainer.monitoring import model_monitor
from trainer.runs import (
    checkpoint_files,
    checkpoints,
    evaluations,
    event_files,
    records,
    stored_runs,
)
from trainer.runs.checkpoints import Checkpoints
from trainer.system import file_system, unfinished
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

_BEST = f"{run_layout.CHECKPOINTS}/{checkpoint_files.BEST}"
_EVENTS = (run_layout.TRAINING_EVENTS, run_layout.EVALUATION_EVENTS)


def check_is_empty(job_dir: Path) -> None:
    """Refuses a folder without config.json that holds a run nevertheless.

    A run has started once its config.json is written, which comes after its first checkpoint.

    Raises:
      RefusedError: as the name says.
    """
    if found := _records_of_steps(job_dir):
        raise stored_runs.without_configuration(job_dir, found)
    log.info("starting a new run in %s", job_dir)


def _records_of_steps(job_dir: Path) -> Path | None:
    """A file that a start cannot have left which was killed in its first seconds."""
    if any(
        checkpoints.newest_known_step(job_dir / folder)
        for folder in (run_layout.CHECKPOINTS, _BEST)
    ):
        return job_dir / run_layout.CHECKPOINTS
    for path in (job_dir / run_layout.METRICS, job_dir / run_layout.EVALUATIONS):
        if path.exists() and path.stat().st_size:
            return path
    grids = (job_dir / run_layout.RESULTS).glob(run_layout.GRIDS)
    later = set(grids) - {job_dir / run_layout.grid(0)}
    last = (job_dir / name for name in (run_layout.LOSS_CURVES, run_layout.FINISHED))
    files = [*sorted(later), *(path for path in last if path.exists())]
    if files:
        return files[0]
    return next(filter(None, (event_files.of_steps(job_dir / folder) for folder in _EVENTS)), None)


def restore(job_dir: Path, saved: Checkpoints) -> int:
    """Restores the newest readable checkpoint of a run that has started, and returns its step.

    Raises:
      RefusedError: none is readable.
    """
    step = saved.restore_newest()
    if step is None:
        raise RefusedError(
            f"--job_dir={job_dir} holds a run whose checkpoints are gone: restore them, or choose "
            "another folder"
        )
    log.info("resuming %s at step %d", job_dir, step)
    return step


def trim(job_dir: Path, recipe: Recipe, step: int) -> None:
    """Removes from the run directory what came after the checkpoint of `step`."""
    records.trim_metrics(job_dir / run_layout.METRICS, step)
    event_files.trim(job_dir / run_layout.TRAINING_EVENTS, step)
    evaluations.trim(job_dir, step)
    model_monitor.trim_grids(job_dir, recipe, step)
    unfinished.remove_left_over(job_dir)


def check_writable(job_dir: Path) -> None:
    """Refuses a run directory in which not everything can be written; makes nothing.

    Raises:
      RefusedError: with the folder's name.
    """
    folders = (run_layout.CHECKPOINTS, _BEST, run_layout.MODELS, run_layout.RESULTS)
    for name in ("", *folders, run_layout.TRAINING_EVENTS):
        file_system.check_folder(job_dir / name, "job_dir")
