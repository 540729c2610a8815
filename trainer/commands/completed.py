"""Completed pictures, as files."""

from __future__ import annotations

import logging

import numpy as np

from trainer.configuration.config import Recipe
from trainer.configuration.config_json import RunConfig
from trainer.configuration.editing import InpaintConfig
from trainer.data import array_files
from trainer.data.input_pictures import InputPictures
from trainer.editing import inpainting
from trainer.gan import completing
from trainer.monitoring import image_files, image_grids
from trainer.plurals import counted
from trainer.runs import trained_networks
from trainer.system import activity, memory

log = logging.getLogger(__name__)

_COPIES = 3  # of all completions, that there are at once at most


def write(config: InpaintConfig, stored: RunConfig, pictures: InputPictures) -> None:
    """Completes pictures and writes them.

    Args:
      config: of `inpaint`.
      stored: the run's configuration.
      pictures: with masks.

    Raises:
      RefusedError: the checkpoint is damaged, or of a run that was still growing.
    """
    if config.output.suffix == ".png":
        image_files.check_size(len(pictures.images), 1 + config.num, pictures.images.shape[1:])
    memory.check_room(
        _COPIES * config.num * pictures.images.nbytes, "complete fewer pictures at once"
    )
    trained = trained_networks.load(stored, config.job_dir, config.checkpoint)
    what = counted(len(pictures.images), "picture")
    log.info("completing %s with %s", what, trained.source)
    if not trained.recipe.completion.masks:
        log.warning(
            "the run generates whole pictures, so the nearest ones are searched for, which is "
            "slower; a run of --preset=inpaint completes pictures at once"
        )
    elif _leaves_open(trained.recipe, pictures.labels):
        log.warning(
            "labels that are not given stay unset, as this run cannot infer them: give --labels, "
            "or use a run trained with --recognition, as --preset=inpaint is"
        )
    activity.now(f"completing {what}")
    search = config.search
    seeds = range(search.seed, search.seed + config.num)
    assert pictures.masks is not None
    found = inpainting.completions(
        trained, pictures.images, pictures.masks, pictures.labels, seeds, search
    )
    _write(config, pictures, found, trained.recipe)


def _leaves_open(recipe: Recipe, labels: np.ndarray) -> bool:
    """Whether a run that completes goes by labels of which some are neither given nor told."""
    tells = recipe.completion.recognition or not recipe.networks.conditional
    return not tells and bool((labels < 0).any())


def _write(config: InpaintConfig, pictures: InputPictures, found: np.ndarray, recipe) -> None:
    output = config.output
    if not output.suffix:
        seeds = range(config.search.seed, config.search.seed + config.num)
        named = (
            (f"{name}-seed{seed}", image)
            for name, of_picture in zip(pictures.names, found, strict=True)
            for seed, image in zip(seeds, of_picture, strict=True)
        )
        image_files.write_folder(output, named)
    elif output.suffix == ".png":
        assert pictures.masks is not None
        shown = completing.masked(pictures.images, pictures.masks)
        cells = np.concatenate([shown[:, np.newaxis], found], axis=1)
        grid = image_grids.grid(cells.reshape(-1, *cells.shape[2:]), cells.shape[1])
        image_files.write_png(output, image_grids.with_row_names(grid, pictures.names))
    else:
        arrays = {"images": found.reshape(-1, *found.shape[2:])}
        if recipe.data.attributes:
            labels = np.repeat(pictures.labels, config.num, axis=0)
            arrays |= array_files.label_fields(labels, recipe.data.attributes)
        array_files.write(output, arrays)
