"""The inpaint command: completes pictures of which parts are missing."""

from __future__ import annotations

import dataclasses

from trainer.configuration import asked_labels
from trainer.configuration.editing import InpaintConfig
from trainer.data import input_masks, input_pictures
from trainer.runs import stored_runs
from trainer.system import file_system
from trainer.system.exits import RefusedError


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
            f"--{config.search_given[0]} is of a search, and this run completes without: leave it "
            "out"
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
    file_system.make_folder(folder, "output")
    # TensorFlow is imported only now: what is wrong above is said at once.
    from trainer.commands import completed

    completed.write(config, stored, pictures)
    print(output)
