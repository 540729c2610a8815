"""The project command: the latents of pictures."""

from __future__ import annotations

from trainer.configuration import asked_labels
from trainer.configuration.editing import ProjectConfig
from trainer.data import input_pictures
from trainer.runs import stored_runs
from trainer.system import file_system


def run(config: ProjectConfig) -> None:
    """Writes what was found and prints where.

    Raises:
      RefusedError: there is no such run, checkpoint, picture or class.
    """
    stored_runs.fetch(config.job_dir_url, config.job_dir, config.checkpoint)
    stored = stored_runs.read_generating(config.job_dir, config.checkpoint)
    cycle = asked_labels.cycle(stored.recipe, config.labels) if config.labels else None
    file_system.check_folder(config.output.parent, "output")
    pictures = input_pictures.read(config.input, stored.recipe.data)
    input_pictures.warn_of_ground(pictures, stored.recipe.data, f"--input={config.input}")
    labels = pictures.labels
    if cycle is not None:
        labels = asked_labels.over(labels, cycle)
    file_system.make_folder(config.output.parent, "output")
    # TensorFlow is imported only now: what is wrong above is said at once.
    from trainer.commands import projections

    projections.write(config, stored, pictures, labels)
    print(config.output)
