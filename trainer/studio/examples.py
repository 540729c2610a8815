"""Some of the test pictures of a run's data, where they can be had."""

from __future__ import annotations

import logging

import numpy as np

from trainer.cloud import data_folder
from trainer.configuration.config import Recipe
from trainer.configuration.studio import StudioConfig
from trainer.data import loading
from trainer.data.datasets import IMAGE_FOLDER
from trainer.data.input_pictures import InputPictures
from trainer.data.labels import NOT_GIVEN
from trainer.system import file_errors
from trainer.system.exits import InterruptedRun, RefusedError

log = logging.getLogger(__name__)

NUMBER = 20


def read(recipe: Recipe, config: StudioConfig) -> InputPictures | None:
    """The first test pictures, as many of each value of the first attribute; None: there are none.

    Args:
      recipe: of the run.
      config: says where the data lie.
    """
    try:
        images, labels = _arrays(recipe, config)
    except (RefusedError, InterruptedRun, OSError) as error:
        reason = file_errors.refusal(error) or error
        log.warning("no test pictures to choose from: %s", reason)
        return None
    rows = _rows(labels)
    chosen = np.stack([np.asarray(images[row], np.uint8) for row in rows])
    return InputPictures(chosen, labels[rows], None, tuple(map(str, rows)))


def _arrays(recipe: Recipe, config: StudioConfig):
    stored = loading.SOURCES[recipe.data.dataset].stored_as
    places, folder = config.places, data_folder.at(config.places)
    if places.data_dir_url and stored == IMAGE_FOLDER:
        raise RefusedError("a folder of pictures in a bucket is not copied for this")
    folder.fetch(recipe.data.dataset)
    if not loading.is_prepared(recipe.data, places.data_dir):
        raise RefusedError(f"{stored} is not in {places.data_dir}; prepare_data puts it there")
    images, labels = folder.load(recipe.data, "test")
    if not len(images):
        raise RefusedError("the data have none")
    return images, labels.reshape(len(images), -1)


def _rows(labels: np.ndarray) -> list[int]:
    """The first of each value by turns."""
    if not labels.shape[1] or not len(set(labels[:, 0].tolist()) - {NOT_GIVEN}):
        return list(range(min(NUMBER, len(labels))))
    values = sorted(set(labels[:, 0].tolist()) - {NOT_GIVEN})[:NUMBER]
    rows = [np.flatnonzero(labels[:, 0] == value)[: NUMBER // len(values)] for value in values]
    longest = max(map(len, rows))
    return [int(each[turn]) for turn in range(longest) for each in rows if turn < len(each)]
