"""The edit command: pictures or samples by another label, along a direction, of mixed styles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from trainer.configuration import asked_labels
from trainer.configuration.editing import EditConfig
from trainer.editing import codes, inputs
from trainer.runs import stored_runs
from trainer.system import file_system
from trainer.system.exits import RefusedError


def run(config: EditConfig) -> None:
    """Writes the edited images and prints where.

    Raises:
      RefusedError: there is no such run, checkpoint, picture, class, direction or layer.
    """
    stored_runs.fetch(config.job_dir_url, config.job_dir, config.checkpoint)
    stored = stored_runs.read_generating(config.job_dir, config.checkpoint)
    recipe = stored.recipe
    targets = asked_labels.targets(recipe, config.to_label)
    cycle = asked_labels.cycle(recipe, config.labels)
    source = None
    if config.input is not None:
        needed = ["latents", *([] if config.labels else ["labels"])] if targets else []
        source = inputs.read(config.input, recipe, "input", needed)
    other = inputs.read(config.mix, recipe, "mix") if isinstance(config.mix, Path) else None
    if source is not None and source.codes is not None:
        asked = cycle if config.labels else ()
        labelled = codes.labelled(source.codes, recipe, asked, source.name)
        source = replace(source, codes=labelled)
    if other is not None and other.codes is not None:
        codes.labelled(other.codes, recipe, (), other.name)
    if config.search_given and not any(
        given is not None and given.pictures is not None for given in (source, other)
    ):
        raise RefusedError(
            f"--{config.search_given[0]} applies only when pictures are projected; an .npz with "
            "latents or styles is not: leave it out"
        )
    file_system.make_folder(config.output.parent, "output")
    # TensorFlow is imported only now: what is wrong above is said at once.
    from trainer.commands import edited

    edited.write(config, stored, edited.Sources(source, other, cycle, targets))
    print(config.output)
