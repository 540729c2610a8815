"""ModelMonitor: TensorBoard, metrics.jsonl and image grids of a run while it trains."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.hparams import api as hparams

from trainer.configuration import config, config_json
from trainer.configuration.config import Recipe
from trainer.monitoring import image_grids
from trainer.runs import file_names, records

PREVIEW = "latest.png"  # as of the latest checkpoint, while a run trains


class Reporter(Protocol):
    """Shows the progress of a run, and keeps nothing."""

    def report(
        self, step: int, epoch: float, metrics: dict[str, float], steps_per_second: float
    ) -> None:
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
        self._results = job_dir / "results"
        self._recipe = recipe
        self._draw_samples = draw_samples
        self._learning_rates = learning_rates
        self._reporters = reporters
        self._writer = tf.summary.create_file_writer(str(job_dir / "tensorboard" / "train"))
        self._metrics = open(job_dir / file_names.METRICS_FILE, "a", encoding="utf-8")

    def record_start(self, configuration: str, real: np.ndarray) -> None:
        """Writes what is known before the first step, and the grid of the untrained generator.

        Args:
          configuration: JSON.
          real: images of the data set, uint8.
        """
        layout = layout_pb2.Layout(
            category=[
                layout_pb2.Category(
                    title="training",
                    chart=[
                        layout_pb2.Chart(
                            title=title,
                            multiline=layout_pb2.MultilineChartContent(
                                tag=[f"^{tag}$" for tag in tags]
                            ),
                        )
                        for title, tags in records.CHARTS.items()
                    ],
                )
            ]
        )
        with self._writer.as_default(step=0):
            tf.summary.experimental.write_raw_pb(
                custom_scalar.pb(layout).SerializeToString(), step=0
            )
            tf.summary.text("configuration", f"```\n{configuration}\n```")
            tf.summary.image("real", image_grids.grid(real)[np.newaxis])
            hparams.hparams(_hyperparameters(self._recipe))
        self.draw_grid(0)

    def record(self, step: int, metrics: dict[str, float], steps_per_second: float) -> None:
        """Records the means of the loop that ended at `step`."""
        scalars = {
            **metrics,
            **{f"learning_rate/{name}": rate for name, rate in self._learning_rates().items()},
            "throughput/images_per_second": steps_per_second * config.images_a_step(self._recipe),
        }
        epoch = config.epoch_of_step(self._recipe, step)
        with self._writer.as_default(step=step):
            for tag, value in scalars.items():
                if not tag.startswith("evaluation/"):  # those are in tensorboard/eval
                    tf.summary.scalar(tag, value)
        self._metrics.write(json.dumps({"step": step, "epoch": round(epoch, 6), **scalars}) + "\n")
        self.flush()
        for reporter in self._reporters:
            reporter.report(step, epoch, scalars, steps_per_second)

    def draw_grid(self, step: int) -> None:
        """Draws the fixed latents' images of an epoch that ends at `step`."""
        image = self._draw_samples()
        epoch = int(config.epoch_of_step(self._recipe, step))
        image_grids.write_png(self._results / grid_name(epoch), image)
        with self._writer.as_default(step=step):
            tf.summary.image("samples", image[np.newaxis])

    def draw_preview(self) -> None:
        """Draws the fixed latents' images as they are now, over those of the last time."""
        image_grids.write_png(self._results / PREVIEW, self._draw_samples())

    def draw_final_grid(self) -> None:
        """Draws the finished generator's images."""
        image_grids.write_png(self._results.parent / file_names.FINISHED, self._draw_samples())
        (self._results / PREVIEW).unlink(missing_ok=True)

    def flush(self) -> None:
        """Puts all records on disk."""
        self._writer.flush()
        self._metrics.flush()

    def close(self) -> None:
        """Closes the records."""
        for reporter in self._reporters:
            reporter.close()
        self._writer.close()
        self._metrics.close()


class NullMonitor:
    """The monitor of a worker that is not the chief."""

    def record(self, step: int, metrics: dict[str, float], steps_per_second: float) -> None:
        """Leaves it to the chief."""

    def draw_grid(self, step: int) -> None:
        """Leaves it to the chief."""

    def draw_preview(self) -> None:
        """Leaves it to the chief."""

    def flush(self) -> None:
        """Has nothing to flush."""


def _hyperparameters(recipe: Recipe) -> dict[str, object]:
    """What TensorBoard's HParams compares: single values only."""
    values = config_json.flag_values(recipe)
    return {
        name: str(tuple(value)) if isinstance(value, list | dict) else value
        for name, value in values.items()
    }


def grid_name(epoch: int) -> str:
    """The file name of an epoch's grid."""
    return f"epoch_{epoch:05d}.png"


def trim_grids(job_dir: Path, recipe: Recipe, step: int) -> None:
    """Removes the grids of epochs after `step`."""
    for path in (job_dir / "results").glob("epoch_*.png"):
        epoch = path.stem.removeprefix("epoch_")
        if epoch.isdecimal() and config.step_of_epoch(recipe, int(epoch)) > step:
            path.unlink()
