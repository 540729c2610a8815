"""The state of the runs in a folder, read from their files alone; without TensorFlow."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer import run_layout
from trainer.cloud.mirror import Mirror
from trainer.configuration import config_json, step_counts
from trainer.runs import checkpoint_files, evaluations, records
from trainer.system import file_system
from trainer.system.exits import InterruptedRun, RefusedError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Overview:
    """A run at a glance."""

    job_dir: Path
    name: str  # the folder's, as seen from where runs were looked for
    preset: str
    step: int  # of the newest checkpoint; of a run that goes on here, of the last record
    last_step: int
    images_a_step: int  # 0: not known
    best: float | None  # Fréchet distance against training images
    last: float | None
    state: str  # complete, running, stopped, or damaged; of a bucket's, running or killed


FILES = (  # of a run in a bucket, that are read
    run_layout.CONFIG,
    run_layout.EVALUATIONS,
    run_layout.FINISHED,
)


def runs_in(folder: Path, bucket: Mirror | None, shown: str) -> list[Overview]:
    """The runs in a folder, at any depth, by name.

    Args:
      folder: local, perhaps a copy of a bucket's.
      bucket: what has copied `FILES` of it; None: the folder is no copy.
      shown: the folder as the user named it.

    Raises:
      RefusedError: there is none.
    """
    places = file_system.walk(folder)
    found = sorted(place for place, inner, names in places if _is_run(place, inner, names))
    if not found:
        raise RefusedError(
            f"--folder={shown} holds no runs: train one with --job_dir={shown}/first"
        )
    return [_overview(job_dir, folder, bucket, shown) for job_dir in found]


def _is_run(folder: Path, subfolders: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a config.json is a run's, perhaps a damaged one: other programs have some, too."""
    if run_layout.CONFIG not in names:
        return False
    if run_layout.CHECKPOINTS in subfolders:
        return True
    try:
        return b'"recipe"' in (folder / run_layout.CONFIG).read_bytes()
    except OSError:
        return True  # it is said why it cannot be read


def _overview(job_dir: Path, folder: Path, bucket: Mirror | None, shown: str) -> Overview:
    in_folder = "" if job_dir == folder else str(job_dir.relative_to(folder))
    name = in_folder or Path(shown).resolve().name
    try:
        newest = _newest_checkpoint(job_dir, in_folder, bucket)
        return _readable(job_dir, name, newest, bucket is not None and in_folder in bucket.leased())
    except (RefusedError, InterruptedRun, OSError) as error:
        log.warning("%s is not fully shown: %s", job_dir, error)
        return Overview(job_dir, name, "-", 0, 0, 0, None, None, "damaged")


def _newest_checkpoint(job_dir: Path, in_folder: str, bucket: Mirror | None) -> int | None:
    if bucket is None:
        return checkpoint_files.newest(job_dir / run_layout.CHECKPOINTS)
    folder = f"{in_folder}/{run_layout.CHECKPOINTS}/".lstrip("/")
    return max(checkpoint_files.complete_among(bucket.names(), folder), default=None)


def _readable(job_dir: Path, name: str, newest: int | None, is_leased: bool) -> Overview:
    """Of a run whose files can be read.

    Args:
      job_dir: of the run.
      name: of it, to be shown.
      newest: the step of its newest checkpoint, if it has any.
      is_leased: in a bucket.

    Raises:
      RefusedError, OSError: they cannot.
    """
    stored = config_json.read(job_dir)
    if stored is None:  # gone since it was looked for
        raise RefusedError(f"there is no {run_layout.CONFIG} any more")
    is_running = file_system.is_locked(job_dir)
    recorded = records.last_step(job_dir / run_layout.METRICS)
    step = recorded if is_running or newest is None else newest
    measured = [distance for _, distance in evaluations.distances(job_dir)]
    best = evaluations.best(job_dir, stored.recipe)
    last_step = step_counts.total_steps(stored.recipe, stored.schedule)
    if is_running:
        state = "running"
    elif is_leased:
        state = "running or killed"
    else:
        is_finished = (job_dir / run_layout.FINISHED).exists() and step >= last_step
        state = "complete" if is_finished else "stopped"
    return Overview(
        job_dir=job_dir,
        name=name,
        preset=stored.preset,
        step=step,
        last_step=last_step,
        images_a_step=step_counts.images_a_step(stored.recipe),
        best=best[1] if best else None,
        last=measured[-1] if measured else None,
        state=state,
    )
