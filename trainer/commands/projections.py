"""Latents of pictures, found and written."""

from __future__ import annotations

import logging
import math

import numpy as np

from trainer.commands import redrawn
from trainer.configuration.config_json import RunConfig
from trainer.configuration.editing import ProjectConfig, Search
from trainer.data.input_pictures import InputPictures
from trainer.editing import projection
from trainer.editing.projection import Projected
from trainer.editing.synthesis import Synthesis
from trainer.monitoring import image_files, image_grids
from trainer.plurals import counted
from trainer.runs import trained_networks
from trainer.system import activity, memory

log = logging.getLogger(__name__)

_COPIES = 3  # of pictures, and of what is searched for them, that there are at once at most


def write(
    config: ProjectConfig, stored: RunConfig, pictures: InputPictures, labels: np.ndarray
) -> None:
    """Finds the latents and writes them.

    Args:
      config: of `project`.
      stored: the run's configuration.
      pictures: of the input.
      labels: that they have, int64 `[N, attributes]`.

    Raises:
      RefusedError: the checkpoint is damaged, or of a run that was still growing.
    """
    if config.output.suffix == ".png":
        image_files.check_size(len(pictures.images), 2, pictures.images.shape[1:])
    synthesis = Synthesis(trained_networks.load(stored, config.job_dir, config.checkpoint))
    found = projected(synthesis, pictures, labels, config.search)
    if config.output.suffix == ".png":
        both = np.stack([pictures.images, found.images], axis=1)
        grid = image_grids.grid(both.reshape(-1, *both.shape[2:]), 2)
        with_names = image_grids.with_row_names(grid, _names(pictures, found))
        named = image_grids.with_column_names(with_names, ("picture", "drawn"), grid.shape[1])
        image_files.write_png(config.output, named)
        return
    redrawn.write_arrays(config.output, found.images, found.codes, synthesis)


def projected(
    synthesis: Synthesis, pictures: InputPictures, labels: np.ndarray, search: Search
) -> Projected:
    """What is found for pictures, which is told in the log."""
    count = len(pictures.images)
    codes = synthesis.recipe.networks.noise_dim + math.prod(synthesis.style_shape or (0,))
    memory.check_room(
        _COPIES * (pictures.images.nbytes + 4 * count * search.restarts * codes),
        "give fewer pictures at once",
    )
    what = counted(count, "picture")
    activity.now(f"projecting {what}")
    log.info("projecting %s into the latents of %s", what, synthesis.source)
    found = projection.project(synthesis, pictures.images, labels, pictures.masks, search)
    log.info("PSNR %.1f dB on average, %.1f at worst", found.psnr.mean(), found.psnr.min())
    return found


def _names(pictures: InputPictures, found: Projected) -> list[str]:
    return [
        f"{name}, {decibels:.1f} dB"
        for name, decibels in zip(pictures.names, found.psnr, strict=True)
    ]
