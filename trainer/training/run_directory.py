"""A run directory: taken up where its last checkpoint stands, trimmed to it, and finished."""

from __future__ import annotations

import logging
from pathlib import Path

from trainer import run_layout
from trainer.configuration import config_json
from trainer.configuration.choices import NETWORKS
from trainer.configuration.config import Recipe
from trainer.monitoring import curves, model_monitor
from trainer.monitoring.model_monitor import ModelMonitor
from trainer.runs import (
    checkpoint_files,
    checkpoints,
    evaluations,
    event_files,
    export_formats,
    model_card,
    records,
    trained_networks,
)
from trainer.runs.checkpoints import Checkpoints
from trainer.system import file_system
from trainer.system.exits import RefusedError
from trainer.training import edited_samples

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
        raise RefusedError(
            f"--job_dir={job_dir} holds {found.relative_to(job_dir)}, and no {config_json.FILE} "
            "that says of which run: restore it, or choose another folder"
        )
    log.info("starting a new run in %s", job_dir)


def _records_of_steps(job_dir: Path) -> Path | None:
    """A file that a start cannot have left which was killed in its first seconds."""
    if any(checkpoints.newest_step(job_dir / folder) for folder in (run_layout.CHECKPOINTS, _BEST)):
        return job_dir / run_layout.CHECKPOINTS
    for path in (job_dir / run_layout.METRICS, job_dir / run_layout.EVALUATIONS):
        if path.exists() and path.stat().st_size:
            return path
    grids = (job_dir / run_layout.RESULTS).glob(run_layout.GRIDS)
    later = set(grids) - {job_dir / run_layout.grid(0)}
    files = [*sorted(later), *(path for path in _finished_files(job_dir) if path.exists())]
    if files:
        return files[0]
    beyond = (event_files.beyond(job_dir / folder, 0) for folder in _EVENTS)
    return next(filter(None, beyond), None)


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
    file_system.remove_partial(job_dir)


def check_writable(job_dir: Path) -> None:
    """Refuses a run directory in which not everything can be written; makes nothing.

    Raises:
      RefusedError: with the folder's name.
    """
    folders = (run_layout.CHECKPOINTS, _BEST, run_layout.MODELS, run_layout.RESULTS)
    for name in ("", *folders, run_layout.TRAINING_EVENTS):
        file_system.check_folder(job_dir / name, "job_dir")


def begin_to_go_on(job_dir: Path) -> None:
    """Takes the mark of a finished run away; its results stay until the first save."""
    if (job_dir / run_layout.FINISHED).exists():
        (job_dir / run_layout.OF_AN_END).touch()
        (job_dir / run_layout.FINISHED).unlink()


def remove_results(job_dir: Path) -> None:
    """Removes the results of an earlier end, once the run has gone on.

    What else lies in their places was asked for while the run trains, by `export` or `plot`.
    """
    if (job_dir / run_layout.OF_AN_END).exists():
        for path in _finished_files(job_dir):
            path.unlink(missing_ok=True)
        (job_dir / run_layout.OF_AN_END).unlink()


def is_finished(job_dir: Path) -> bool:
    """Whether all results are there that do not only inform."""
    return all(path.exists() for path in [*_models(job_dir), job_dir / run_layout.FINISHED])


def finish(job_dir: Path, preset: str, recipe: Recipe, monitor: ModelMonitor) -> None:
    """Writes models and their card, curves and, last, the picture, which nothing else writes."""
    networks = trained_networks.restore(recipe, job_dir, "latest")
    (job_dir / run_layout.OF_AN_END).parent.mkdir(exist_ok=True)  # someone may have removed it
    (job_dir / run_layout.OF_AN_END).touch()  # what follows is, also if a kill comes
    for name in NETWORKS:
        export_formats.write(networks, name, "keras", job_dir / run_layout.model(name))
    if curves.are_recorded(job_dir):  # else someone has removed the records
        curves.draw(job_dir)
    model_card.write(job_dir / run_layout.MODELS, job_dir, preset, networks, is_ending=True)
    monitor.draw_edits(networks.step, edited_samples.pictures(networks))
    monitor.flush()  # nothing is missing once the last picture is there
    monitor.draw_final_grid(networks.step)
    (job_dir / run_layout.OF_AN_END).unlink()


def _finished_files(job_dir: Path) -> list[Path]:
    """What a finished run has, in the order in which it is written."""
    curve = job_dir / run_layout.LOSS_CURVES
    return [*_models(job_dir), curve, job_dir / run_layout.FINISHED]


def _models(job_dir: Path) -> list[Path]:
    return [job_dir / run_layout.model(name) for name in NETWORKS]
