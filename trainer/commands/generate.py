"""The generate command: samples of a trained generator: a grid, an animation, arrays, images."""

from __future__ import annotations

from trainer.configuration import asked_labels
from trainer.configuration.config import GenerateConfig
from trainer.data import array_files
from trainer.editing import codes
from trainer.runs import stored_runs
from trainer.system import file_system


def run(config: GenerateConfig) -> None:
    """Writes the samples and prints where.

    Raises:
      RefusedError: there is no such run, checkpoint or class.
    """
    stored_runs.fetch(config.job_dir_url, config.job_dir, config.checkpoint)
    stored = stored_runs.read_generating(config.job_dir, config.checkpoint)
    cycle = asked_labels.cycle(stored.recipe, config.labels)
    given = None
    if config.latents is not None:
        arrays = array_files.read(config.latents, "latents")
        needed = ["latents", "labels"] if config.labels else []
        given = codes.read(arrays, stored.recipe, needed)
        if not config.labels:  # else they take the place of what the file says
            codes.labelled(given, stored.recipe, (), f"--latents={config.latents}")
    output = config.output
    file_system.make_folder(output.parent if output.suffix else output, "output")
    # TensorFlow is imported only now: what is wrong above is said at once.
    from trainer.commands import redrawn, samples

    if given is None:
        samples.write(config, stored, cycle)
    else:
        redrawn.write(config, stored, given, cycle if config.labels else None)
    print(output)
