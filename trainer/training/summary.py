"""What a run says when it is at its end: how long, how good, where, and what can be done next."""

from __future__ import annotations

import logging
import shlex
import sys
from datetime import timedelta
from pathlib import Path

from trainer import run_layout
from trainer.cloud import local_copies
from trainer.configuration import step_counts
from trainer.configuration.config import Recipe
from trainer.evaluation import protocols
from trainer.runs import checkpoint_files, evaluations

log = logging.getLogger(__name__)


def log_end(recipe: Recipe, step: int, seconds: float) -> None:
    """Says what the start that has brought a run to its end has done."""
    took = timedelta(seconds=round(seconds))
    images = step * step_counts.images_a_step(recipe)
    log.info("complete at step %d, after %d images; this start took %s", step, images, took)


def log_results(job_dir: Path, recipe: Recipe, data_flags: tuple[str, ...]) -> None:
    """Says how good a complete run is, where its pictures are, and gives commands to paste.

    Args:
      job_dir: the run directory.
      recipe: the run's.
      data_flags: of `train`, that say where the data lie.
    """
    kept = checkpoint_files.steps(job_dir / run_layout.CHECKPOINTS / checkpoint_files.BEST)
    if best := evaluations.best(job_dir, recipe, among=kept):
        first_step, first = evaluations.distances(job_dir)[0]
        log.info(
            "Fréchet distance: first %.2f at step %d, best %.2f at step %d (--checkpoint=best)",
            *(first, first_step, best[1], best[0]),
        )
    log.info("picture: %s", job_dir / run_layout.FINISHED)
    run = f"--job_dir={job_dir}"
    results = job_dir / run_layout.RESULTS
    is_local = local_copies.shown(str(results)) == str(results)
    more = f"--output={results / 'more.png' if is_local else 'more.png'}"
    if recipe.completion.masks:
        yours = ("--input=PICTURE.png", "--mask=WHITE_WHERE_MISSING.png", "--num=8")
        log.info("to complete your own: %s", command("fashion-gan", "inpaint", run, *yours, more))
    else:
        log.info("more pictures: %s", command("fashion-gan", "generate", run, more))
        if protocols.can_be_evaluated(recipe):
            evaluate = command("fashion-gan", "evaluate", run, *data_flags)
            log.info("to measure on test images: %s", evaluate)
    # Without it, TensorBoard keeps ten of all images; with 0, which it documents as all, none.
    every = "--samples_per_plugin=images=1000"
    folder = f"--logdir={job_dir / run_layout.TENSORBOARD}"
    log.info("TensorBoard: %s", command("tensorboard", folder, every))


def command(program: str, *arguments: str) -> str:
    """A command of this environment in a form that can be pasted."""
    path = Path(sys.executable).with_name(program)
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return shlex.join([str(path), *arguments])
