"""ModelMonitor: TensorBoard, metrics.jsonl and image grids of a run while it trains."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from trainer import run_layout
from trainer.configuration import step_counts
from trainer.configuration.config import Recipe
from trainer.configuration.config_json import RunConfig
from trainer.monitoring import animation, image_files, image_grids, start_records
from trainer.runs import evaluations, event_files, records, tags
from trainer.runs.records import EVALUATED, EVALUATED_FRECHET
from trainer.system import file_system

PREVIEW_TAG = "preview"
# An event file that is as long is ended: to a bucket a file that has grown is sent as a whole.
EVENT_FILE_BYTES = 4_000_000
PREVIEWS_APART = 1.25  # the factor by which steps grow between those that TensorBoard gets


class Reporter(Protocol):
    """Shows the progress of a run, and keeps nothing."""

    def report(self, step: int, epoch: float, metrics: dict[str, float]) -> None:
        """Reports the loop that has ended at `step`."""
        ...

    def close(self) -> None:
        """Ends the reporter."""
        ...


class ModelMonitor:
    """Writes TensorBoard's files, metrics.jsonl and the image grids, and feeds the reporters."""

    def __init__(
        self,
        job_dir: Path,
        recipe: Recipe,
        draw_samples: Callable[[], np.ndarray],
        learning_rates: Callable[[], dict[str, float]],
        reporters: Sequence[Reporter],
    ) -> None:
        """Opens the records; those after the step to start from must have been cut.

        Args:
          job_dir: the run directory.
          recipe: the run's recipe.
          draw_samples: gives a grid of the fixed latents' images, uint8
            `[height, width, channels]`.
          learning_rates: gives the rates in force, by network.
          reporters: show the progress to people and to other programs.
        """
        self._job_dir = job_dir
        self._step = 0  # of the last record
        self._last_preview = 0
        self._recipe = recipe
        self._draw_samples = draw_samples
        self._learning_rates = learning_rates
        self._reporters = reporters
        self._writer, self._events = event_files.begun(job_dir / run_layout.TRAINING_EVENTS)
        self._metrics = open(job_dir / run_layout.METRICS, "a", encoding="utf-8")

    def record_start(self, run: RunConfig, real: np.ndarray) -> None:
        """Writes what is known before the first step, and the grid of the untrained generator.

        Args:
          run: the configuration, decided.
          real: a grid of images of the data set, uint8 `[height, width, channels]`.
        """
        real = image_grids.with_title(real, f"real images of {self._recipe.data.dataset}")
        image_files.write_png(self._job_dir / run_layout.REAL, real)
        with self._writer.as_default(step=0):
            start_records.write_layout()
            start_records.write_summary(run)
            start_records.write_hyperparameters(run, self._job_dir)
            tf.summary.image("real", real[np.newaxis], description=tags.described("real"))
        self.draw_grid(0)

    def record(self, step: int, metrics: dict[str, float], steps_per_second: float) -> None:
        """Records the means of the loop that ended at `step`."""
        scalars = {
            **metrics,
            **{f"learning_rate/{name}": rate for name, rate in self._learning_rates().items()},
            "throughput/images_per_second": steps_per_second
            * step_counts.images_a_step(self._recipe),
        }
        self._step = step
        epoch = step_counts.epoch_of_step(self._recipe, step)
        with self._writer.as_default(step=step):
            for tag, value in scalars.items():
                if not tag.startswith(EVALUATED):  # those are in tensorboard/eval
                    tf.summary.scalar(tag, value, description=tags.described(tag))
            if EVALUATED_FRECHET in metrics:
                self._write_quality(metrics[EVALUATED_FRECHET])
        line = json.dumps({"step": step, "epoch": round(epoch, 6), **scalars})
        with file_system.naming(Path(self._metrics.name)):
            self._metrics.write(line + "\n")
        self.flush()
        for reporter in self._reporters:
            reporter.report(step, epoch, scalars)

    def amend(self, step: int, evaluation: dict[str, float]) -> None:
        """Adds an evaluation that was made late to what was recorded of its step."""
        path = self._job_dir / run_layout.METRICS
        self._metrics.close()
        records.amend(path, step, evaluation)
        self._metrics = open(path, "a", encoding="utf-8")
        if EVALUATED_FRECHET in evaluation:
            with self._writer.as_default(step=step):
                self._write_quality(evaluation[EVALUATED_FRECHET])
        self.flush()

    def draw_grid(self, step: int) -> None:
        """Draws the fixed latents' images of an epoch that ends at `step`."""
        image = self._titled_samples(step)
        epoch = int(step_counts.epoch_of_step(self._recipe, step))
        image_files.write_png(self._job_dir / run_layout.grid(epoch), image)
        with self._writer.as_default(step=step):
            tf.summary.image("samples", image[np.newaxis], description=tags.described("samples"))

    def draw_preview(self) -> None:
        """Draws the fixed latents' images as they are now, over those of the last time."""
        image = self._titled_samples(self._step)
        image_files.write_png(self._job_dir / run_layout.PREVIEW, image)
        if self._step >= PREVIEWS_APART * self._last_preview:
            self._last_preview = self._step
            with self._writer.as_default(step=self._step):
                tf.summary.image(
                    PREVIEW_TAG, image[np.newaxis], description=tags.described(PREVIEW_TAG)
                )

    def draw_edits(self, step: int, pictures: dict[str, np.ndarray]) -> None:
        """Shows what the generator that is finished at `step` can be asked for, by name."""
        with self._writer.as_default(step=step):
            for name, picture in pictures.items():
                tag = f"edits/{name}"
                tf.summary.image(tag, picture[np.newaxis], description=tags.described(tag))

    def draw_final_grid(self, step: int) -> None:
        """Draws the images of the generator that is finished at `step`, and how it came there."""
        animation.write(self._job_dir)
        image = self._titled_samples(step)
        image_files.write_png(self._job_dir / run_layout.SAMPLES, image)
        image_files.write_png(self._job_dir / run_layout.FINISHED, image)
        (self._job_dir / run_layout.PREVIEW).unlink(missing_ok=True)

    def _titled_samples(self, step: int) -> np.ndarray:
        title = f"step {step}, epoch {step_counts.epoch_of_step(self._recipe, step):.1f}"
        measured = [value for at, value in evaluations.distances(self._job_dir) if at <= step]
        if measured:
            title += f", Fréchet {measured[-1]:.2f}"
        return image_grids.with_title(self._draw_samples(), title)

    def _write_quality(self, last: float) -> None:
        shown = {tags.LAST_DISTANCE: last}
        if best := evaluations.best(self._job_dir, self._recipe):
            shown[tags.BEST_DISTANCE] = best[1]
        for tag, value in shown.items():
            tf.summary.scalar(tag, value, description=tags.described(tag))

    def flush(self) -> None:
        """Puts all records on disk."""
        self._writer.flush()
        with file_system.naming(Path(self._metrics.name)):
            self._metrics.flush()
        # Removed while the run trains, they begin anew.
        if not self._events.exists() or self._events.stat().st_size >= EVENT_FILE_BYTES:
            self._writer.close()
            self._writer, self._events = event_files.begun(self._events.parent)

    def close(self) -> None:
        """Closes the records."""
        for reporter in self._reporters:
            reporter.close()
        self._writer.close()
        with file_system.naming(Path(self._metrics.name)):  # what could not be flushed is once more
            self._metrics.close()


class ProgressOnly:
    """The monitor of a worker that is not the chief: it feeds reporters, and keeps nothing."""

    def __init__(self, recipe: Recipe, reporters: Sequence[Reporter]) -> None:
        self._recipe = recipe
        self._reporters = reporters

    def record(self, step: int, metrics: dict[str, float], steps_per_second: float) -> None:
        """Reports the means of the loop that ended at `step`."""
        speed = steps_per_second * step_counts.images_a_step(self._recipe)
        scalars = {**metrics, "throughput/images_per_second": speed}
        for reporter in self._reporters:
            reporter.report(step, step_counts.epoch_of_step(self._recipe, step), scalars)

    def draw_grid(self, step: int) -> None:
        """Leaves it to the chief."""

    def draw_preview(self) -> None:
        """Leaves it to the chief."""

    def flush(self) -> None:
        """Has nothing to flush."""

    def close(self) -> None:
        """Ends the reporters."""
        for reporter in self._reporters:
            reporter.close()


def trim_grids(job_dir: Path, recipe: Recipe, step: int) -> None:
    """Removes the grids of epochs after `step`."""
    for path in (job_dir / run_layout.RESULTS).glob(run_layout.GRIDS):
        epoch = path.stem.removeprefix("epoch_")
        if epoch.isdecimal() and step_counts.step_of_epoch(recipe, int(epoch)) > step:
            path.unlink()
