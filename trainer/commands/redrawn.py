"""Images of an .npz that says what decides them, drawn by a run, as files."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np

from trainer.commands import samples
from trainer.configuration import asked_labels
from trainer.configuration.config import GenerateConfig
from trainer.configuration.config_json import RunConfig
from trainer.data import array_files
from trainer.data.labels import Labels
from trainer.editing import labels_changed
from trainer.editing.codes import Codes
from trainer.editing.synthesis import Synthesis
from trainer.monitoring import image_files, image_grids
from trainer.plurals import counted
from trainer.runs import trained_networks
from trainer.system import activity, memory

log = logging.getLogger(__name__)

_COPIES = 5  # of styles while labels change


def write(
    config: GenerateConfig, stored: RunConfig, codes: Codes, cycle: list[Labels] | None
) -> None:
    """Draws codes and writes the images.

    Args:
      config: of `generate`.
      stored: the run's configuration.
      codes: of its latents, from `codes.read`.
      cycle: labels that they get instead of theirs, by turns; None: theirs.

    Raises:
      RefusedError: the codes are of another generator, or the checkpoint is damaged.
    """
    synthesis = Synthesis(trained_networks.load(stored, config.job_dir, config.checkpoint))
    recipe, output = synthesis.recipe, config.output
    synthesis.check(codes, f"--latents={config.latents}")
    if output.suffix == ".png":
        columns = image_grids.square(len(codes))
        rows = -(-len(codes) // columns)
        image_files.check_size(rows, columns, recipe.data.image_shape)
    size = _COPIES * 4 * math.prod(synthesis.style_shape or (0,))
    if output.suffix:
        size += math.prod(recipe.data.image_shape)
    memory.check_room(len(codes) * size, "draw fewer of the latents at once")
    codes = synthesis.with_styles(codes)
    if cycle:
        wanted = asked_labels.by_turns(cycle, len(codes))
        codes = labels_changed.changed(synthesis, codes, wanted)
    activity.now(f"generating {output.name}")
    log.info("generating %s from %s", counted(len(codes), "image"), synthesis.source)
    if not output.suffix:
        digits = max(5, len(str(len(codes) - 1)))
        names = (
            "-".join([f"{number:0{digits}d}", *samples.in_file_name(tuple(labels), recipe)])
            for number, labels in enumerate(codes.labels)
        )
        drawn = (image for batch in synthesis.image_batches(codes) for image in batch)
        image_files.write_folder(output, zip(names, drawn, strict=True))
        return
    images = synthesis.images(codes)
    if output.suffix == ".png":
        image_files.write_png(output, image_grids.grid(images))
    else:
        write_arrays(output, images, codes, synthesis)


def write_arrays(output: Path, images: np.ndarray, codes: Codes, synthesis: Synthesis) -> None:
    """Writes images, and what decides them, as an .npz that other commands read."""
    arrays = {"images": images, **codes.fields(), "generator": np.array(synthesis.digest)}
    if synthesis.recipe.networks.conditional:
        arrays |= array_files.label_fields(codes.labels, synthesis.recipe.data.attributes)
    array_files.write(output, arrays)
