"""Runs by their folders: whether there is one, and the checkpoint that is asked for.

Without TensorFlow, so that what is wrong is said at once.
"""

from __future__ import annotations

import contextlib
import difflib
from pathlib import Path

from trainer import run_layout
from trainer.cloud import local_copies
from trainer.cloud.url import GsUrl
from trainer.configuration import config_json
from trainer.configuration.config import Recipe
from trainer.configuration.config_json import RunConfig
from trainer.runs import checkpoint_choice, in_bucket
from trainer.system.exits import RefusedError

FILES = (run_layout.CONFIG, run_layout.CHECKPOINTS)  # of a run, that its networks are read from


def fetch(url: GsUrl | None, job_dir: Path, choice: str, flag: str = in_bucket.FLAG) -> None:
    """Makes a local copy of what the networks of a run are read from, if it lies in a bucket.

    Args:
      url: of the run directory; None: it is local.
      job_dir: of the copy.
      choice: `latest`, `best`, a step, or a path without suffix.
      flag: that names the run directory, for messages.

    Raises:
      RefusedError: no such bucket, or no permission.
      InterruptedRun: the storage cannot be reached.
    """
    in_bucket.fetch(url, job_dir, *FILES, checkpoint=choice, flag=flag)


def read(job_dir: Path) -> RunConfig:
    """The configuration of a run that must be there.

    Raises:
      RefusedError: it is not; runs beside it are named.
    """
    stored = config_json.read(job_dir)
    if stored is None:
        raise RefusedError(f"--job_dir={job_dir} holds no run: train first{_beside(job_dir)}")
    return stored


def read_with_checkpoint(job_dir: Path, choice: str) -> RunConfig:
    """The same, where a checkpoint must be there, too.

    Args:
      job_dir: the run directory.
      choice: `latest`, `best`, a step, or a path without suffix.

    Raises:
      RefusedError: there is no run, or no such checkpoint.
    """
    stored = read(job_dir)
    checkpoint_choice.check(job_dir / run_layout.CHECKPOINTS, choice)
    return stored


def read_generating(job_dir: Path, choice: str) -> RunConfig:
    """The same, where the run must be one that draws whole pictures, of nothing but latents.

    Raises:
      RefusedError: as `read_with_checkpoint`, or it completes pictures.
    """
    stored = read_with_checkpoint(job_dir, choice)
    check_generates(stored.recipe)
    return stored


def without_configuration(job_dir: Path, found: Path) -> RefusedError:
    """The refusal of a folder that holds what a run writes, and nothing that says of which run."""
    return RefusedError(
        f"--job_dir={local_copies.shown(str(job_dir))} holds {found.relative_to(job_dir)}, but no "
        f"{run_layout.CONFIG} to say of which run: restore it, or choose another folder"
    )


def check_generates(recipe: Recipe) -> None:
    """Refuses a run that completes pictures.

    Raises:
      RefusedError: as the name says.
    """
    if recipe.completion.masks:
        raise RefusedError(
            "the run completes pictures, and draws none of its own: use `fashion-gan inpaint "
            "--input=...`; its results/ and TensorBoard show how it was measured in training, and "
            "its models/ hold the networks"
        )


def _beside(job_dir: Path) -> str:
    """Runs in it, or in the same folder, those of similar names first."""
    with contextlib.suppress(OSError):
        if str(job_dir) != local_copies.shown(str(job_dir)):
            return ""  # of a bucket's local copy
        inside = sorted(path.parent for path in job_dir.glob(f"*/{run_layout.CONFIG}"))
        if inside:
            return f"; there are {', '.join(map(str, inside[:3]))}"
        runs = sorted(path.parent for path in job_dir.parent.glob(f"*/{run_layout.CONFIG}"))
        names = [run.name for run in runs]
        near = difflib.get_close_matches(job_dir.name, names, n=3, cutoff=0.5) or names[:3]
        if near:
            return f"; there are {', '.join(str(job_dir.parent / name) for name in near)}"
    return ""
