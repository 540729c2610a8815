"""What stands of the runs in a folder, read from their files alone; without TensorFlow."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from trainer import run_layout
from trainer.configuration import config_json, step_counts
from trainer.runs import checkpoint_files, evaluations, records
from trainer.system import file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Overview:
    """A run at a glance."""

    job_dir: Path
    name: str  # the folder's, as seen from where runs were looked for
    preset: str
    step: int  # of the last record; of the newest checkpoint, where it has stopped
    last_step: int
    images: int  # seen until then
    best: float | None  # Fréchet distance against training images
    last: float | None
    state: str  # complete, running, stopped, or damaged; of a bucket's, running or killed


FILES = (  # of a run, that are read
    config_json.FILE,
    run_layout.METRICS,
    run_layout.EVALUATIONS,
    run_layout.FINISHED,
)


def runs_in(folder: Path, leased: Collection[str] = (), shown: str = "") -> list[Overview]:
    """The runs in a folder, at any depth, by name.

    Args:
      folder: local, perhaps a copy of a bucket's.
      leased: names of the runs of a bucket that have a lease.
      shown: the folder as the user named it, where that is another.

    Raises:
      RefusedError: there is none.
    """
    shown = shown or str(folder)
    places = file_system.walk(folder)
    found = sorted(place for place, _, names in places if config_json.FILE in names)
    if not found:
        raise RefusedError(f"--folder={shown} holds no runs: train one, --job_dir={shown}/first")
    return [_overview(job_dir, folder, leased, shown) for job_dir in found]


def _overview(job_dir: Path, folder: Path, leased: Collection[str], shown: str) -> Overview:
    in_folder = "" if job_dir == folder else str(job_dir.relative_to(folder))
    name = in_folder or Path(shown).resolve().name
    try:
        return _readable(job_dir, name, in_folder in leased)
    except (RefusedError, OSError) as error:
        log.warning("%s is not shown whole: %s", job_dir, error)
        return Overview(job_dir, name, "-", 0, 0, 0, None, None, "damaged")


def _readable(job_dir: Path, name: str, is_leased: bool) -> Overview:
    """Of a run whose files can be read.

    Raises:
      RefusedError, OSError: they cannot.
    """
    stored = config_json.read(job_dir)
    if stored is None:  # gone since it was looked for
        raise RefusedError(f"there is no {config_json.FILE} any more")
    step = records.last_step(job_dir / run_layout.METRICS)
    measured = [distance for _, distance in evaluations.distances(job_dir)]
    best = evaluations.best(job_dir, stored.recipe)
    last_step = step_counts.total_steps(stored.recipe, stored.schedule)
    if file_system.is_locked(job_dir):
        state = "running"
    elif is_leased:
        state = "running or killed"
    else:
        is_finished = (job_dir / run_layout.FINISHED).exists() and step >= last_step
        state = "complete" if is_finished else "stopped"
        if kept := checkpoint_files.complete(job_dir / run_layout.CHECKPOINTS):
            step = min(step, max(kept))  # where it would go on
    return Overview(
        job_dir=job_dir,
        name=name,
        preset=stored.preset,
        step=step,
        last_step=last_step,
        images=step * step_counts.images_a_step(stored.recipe),
        best=best[1] if best else None,
        last=measured[-1] if measured else None,
        state=state,
    )
