"""The run directory: from where a run is taken up, and what is there when it is complete."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from pathlib import Path

from trainer.commands import export, plot
from trainer.configuration import config as configuration
from trainer.configuration.choices import NETWORKS
from trainer.configuration.config import Config
from trainer.distribution import environment
from trainer.evaluation import during_training
from trainer.monitoring import model_monitor
from trainer.monitoring.model_monitor import ModelMonitor
from trainer.runs import checkpoints, evaluations, event_files, file_names, records, trained
from trainer.runs.checkpoints import Checkpoints
from trainer.system import file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)


def horizon(config: Config) -> int:
    """The length that schedules are functions of: as planned at the run's first start."""
    stored = configuration.read_json(config.job_dir)
    if stored is not None:
        return int(stored["horizon"])
    return configuration.total_steps(config.recipe, config.schedule)


def precision(config: Config) -> str:
    """What is asked for, or what suited the machine of the run's first start."""
    asked = config.recipe.precision
    if asked != "auto":
        return asked
    stored = configuration.read_json(config.job_dir)
    if stored is not None:
        return stored["recipe"]["precision"]
    return environment.suited_precision()


def restore(job_dir: Path, saved: Checkpoints, resolved: str) -> int | None:
    """Restores the run in `job_dir`; None if a new one starts there.

    A run has started once its config.json is written, which comes after its first checkpoint.
    """
    stored = configuration.read_json(job_dir)
    if stored is None:
        newest = checkpoints.newest_step(job_dir / "checkpoints") or 0
        if newest or records.read_lines(job_dir / file_names.METRICS_FILE):
            raise RefusedError(
                f"--job_dir={job_dir} holds a run without its config.json: restore the file, "
                "or choose another folder"
            )
        log.info("starting a new run in %s", job_dir)
        return None
    step = saved.restore_newest()
    if step is None:
        raise RefusedError(
            f"--job_dir={job_dir} holds a run whose checkpoints are gone: restore them, or choose "
            "another folder"
        )
    log.info("resuming %s at step %d", job_dir, step)
    environment.warn_of_changes(stored.get("environment", {}), json.loads(resolved)["environment"])
    return step


def cut(config: Config, step: int) -> None:
    """Removes from the run directory what came after the checkpoint of `step`."""
    job_dir = config.job_dir
    records.cut_metrics(job_dir / file_names.METRICS_FILE, step)
    event_files.cut(job_dir / "tensorboard" / "train", step)
    evaluations.cut(job_dir, step)
    model_monitor.cut_grids(job_dir, config.recipe, step)
    for path in _finished_files(job_dir):
        path.unlink(missing_ok=True)
    file_system.sweep_partial(job_dir)


def keep_best(config: Config, saved: Checkpoints) -> None:
    """Keeps a copy of the best of the steps that were evaluated, while it is there."""
    protocol = during_training.protocol(config.schedule.evaluation_samples)
    best = evaluations.best_step(config.job_dir, protocol)
    if best is not None:
        saved.keep_best(best)


def is_finished(job_dir: Path) -> bool:
    """Whether all results are there."""
    return all(path.exists() for path in _finished_files(job_dir))


def finish(job_dir: Path, model_monitor: ModelMonitor) -> None:
    """Writes models, curves and, last, the picture, which nothing else writes."""
    networks = trained.load(job_dir, "latest")
    for name in NETWORKS:
        export.write(networks, name, "keras", job_dir / "models" / f"{name}.keras")
    plot.draw(job_dir)
    model_monitor.draw_final()


def _finished_files(job_dir: Path) -> list[Path]:
    """What a finished run has, in the order in which it is written."""
    models = [job_dir / "models" / f"{name}.keras" for name in NETWORKS]
    return [*models, job_dir / "results" / "loss_curves.png", job_dir / file_names.FINISHED]


def say_where(job_dir: Path) -> None:
    """Names the picture and the way to the curves, as commands that work as they stand."""
    tensorboard = Path(sys.executable).with_name("tensorboard")
    if tensorboard.is_relative_to(Path.cwd()):
        tensorboard = tensorboard.relative_to(Path.cwd())
    log.info("picture: %s", job_dir / file_names.FINISHED)
    command = [str(tensorboard), f"--logdir={job_dir / 'tensorboard'}"]
    log.info("TensorBoard: %s", shlex.join(command))
