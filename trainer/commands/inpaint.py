"""The inpaint command: completes pictures of which parts are missing."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from trainer.configuration import asked_labels
from trainer.configuration.editing import InpaintConfig
from trainer.data import input_masks, input_pictures
from trainer.runs import stored_runs
from trainer.system import file_system
from trainer.system.exits import RefusedError
from trainer.system.path_names import MOST_BYTES_OF_A_NAME


def run(config: InpaintConfig) -> None:
    """Writes the completions and prints where.

    Raises:
      RefusedError: there is no such run, checkpoint, picture, mask or class.
    """
    stored_runs.fetch(config.job_dir_url, config.job_dir, config.checkpoint)
    stored = stored_runs.read_with_checkpoint(config.job_dir, config.checkpoint)
    data = stored.recipe.data
    if stored.recipe.completion.masks and config.search_given:
        raise RefusedError(
            f"--{config.search_given[0]} applies only to a search; this run completes without one: "
            "leave it out"
        )
    cycle = asked_labels.cycle(stored.recipe, config.labels) if config.labels else None
    output = config.output
    folder = output.parent if output.suffix else output
    file_system.check_folder(folder, "output")
    input_masks.check_names(config.input, config.mask)
    given = input_pictures.read(config.input, data)
    pictures = input_masks.with_masks(given, config.input, config.mask, data)
    input_pictures.warn_of_ground(pictures, data, f"--input={config.input}")
    if cycle is not None:
        labels = asked_labels.over(pictures.labels, cycle)
        pictures = dataclasses.replace(pictures, labels=labels)
    if not output.suffix:
        _check_lengths(pictures.names, config.search.seed + config.num - 1)
    file_system.make_folder(folder, "output")
    # TensorFlow is imported only now: what is wrong above is said at once.
    from trainer.commands import completed

    completed.write(config, stored, pictures)
    print(output)


def _check_lengths(names: Sequence[str], last_seed: int) -> None:
    """Refuses names that leave no room for the seeds in those of files, before a long search."""
    for name in names:
        file = f"{name.split('/')[-1]}-seed{last_seed}.png"
        if len(os.fsencode(file)) > MOST_BYTES_OF_A_NAME:
            raise RefusedError(
                f"{name[:40]}... is too long a name for its completions: shorten it, or make "
                "--output a .png or an .npz"
            )
