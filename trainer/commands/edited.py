"""Edited images as files: rows and columns, an animation, arrays."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.commands import projections, redrawn
from trainer.configuration import asked_labels
from trainer.configuration.config_json import RunConfig
from trainer.configuration.editing import EditConfig
from trainer.data.labels import Labels
from trainer.editing import directions, mixing, sheets
from trainer.editing.codes import Codes
from trainer.editing.directions import Directions
from trainer.editing.inputs import Input
from trainer.editing.sheets import Sheet
from trainer.editing.synthesis import Synthesis
from trainer.evaluation import direction_names
from trainer.monitoring import image_files, image_grids
from trainer.plurals import counted
from trainer.runs import trained_networks
from trainer.system import activity, memory
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

_FRAMES = 25  # between two strengths
_SAMPLES = 8
_COPIES = 4  # of all images, and of what decides them, that there are at once at most
_REST_MILLISECONDS = 400


@dataclass(frozen=True)
class Sources:
    """What is edited, and into what, as far as it is known without the networks."""

    input: Input | None  # None: samples
    mix: Input | None  # None: samples of a seed, or nothing
    cycle: Sequence[Labels]  # of samples, or of pictures where they are asked for
    targets: Sequence[Labels]


def write(config: EditConfig, stored: RunConfig, sources: Sources) -> None:
    """Edits and writes.

    Raises:
      RefusedError: the checkpoint is damaged, of a run that was still growing, has no such
        direction, layer, or styles, or the file would not hold so many images.
    """
    synthesis = Synthesis(trained_networks.load(stored, config.job_dir, config.checkpoint))
    _check(config, sources, synthesis)
    found = _directions(config, synthesis)
    _check_size(config, sources, synthesis)
    codes = _codes(synthesis, config, sources)
    what = counted(len(codes), "image")
    activity.now(f"editing {what}")
    log.info("editing %s with %s", what, synthesis.source)
    sheet = _sheet(synthesis, codes, found, config, sources)
    images = synthesis.images(sheet.codes)
    if config.output.suffix == ".npz":
        redrawn.write_arrays(config.output, images, sheet.codes, synthesis)
    elif config.output.suffix == ".gif":
        _write_gif(config, sheet, images)
    else:
        _write_png(config, sheet, sheet.with_edges(synthesis, images))


def _check(config: EditConfig, sources: Sources, synthesis: Synthesis) -> None:
    """Refuses what this run's generator does not have, before anything is projected."""
    if config.mix is not None and synthesis.style_shape is None:
        raise RefusedError("--mix: this run's generator has no styles to mix")
    if config.layers is not None:
        directions.check_layers(synthesis, config.layers)
    for given in (sources.input, sources.mix):
        if given is not None and given.codes is not None:
            synthesis.check(given.codes, given.name)


def _directions(config: EditConfig, synthesis: Synthesis) -> Directions | None:
    """Those of the run, where some are asked for."""
    if not (config.direction or config.directions):
        return None
    try:
        found = directions.closed_form(synthesis, config.layers)
    except np.linalg.LinAlgError as error:
        raise RefusedError(f"{synthesis.source} has no directions: {error}") from error
    for flag, number in (("direction", config.direction), ("directions", config.directions)):
        if number:
            directions.check_number(found, flag, number)
    return found


def _check_size(config: EditConfig, sources: Sources, synthesis: Synthesis) -> None:
    """Refuses more images than the output, or the memory, can hold."""
    rows, columns = _size(config, sources, synthesis)
    recipe, suffix = synthesis.recipe, config.output.suffix
    shape = recipe.data.image_shape
    if suffix == ".png":
        edge = 1 if config.mix is not None else 0
        image_files.check_size(rows + edge, columns + edge, shape)
    elif suffix == ".gif":
        wide = image_grids.full_columns(rows)
        image_files.check_size(-(-rows // wide), wide, shape, suffix)
    style = math.prod(synthesis.style_shape or (0,))
    numbers = _COPIES * 4 * (style + recipe.networks.noise_dim)
    memory.check_room(
        rows * columns * (_COPIES * math.prod(shape) + numbers),
        f"{rows} by {columns} images at once are too many: edit fewer",
    )


def _size(config: EditConfig, sources: Sources, synthesis: Synthesis) -> tuple[int, int]:
    """Rows and columns of the sheet."""
    rows = _samples(config) if sources.input is None else len(sources.input)
    if config.to_label:
        goes = config.output.suffix == ".gif" and synthesis.style_shape is not None
        return rows, 1 + len(sources.targets) * (sheets.FRAMES_OF_A_LABEL if goes else 1)
    if config.mix is not None:
        return rows, _samples(config) if sources.mix is None else len(sources.mix)
    return rows * (config.directions or 1), len(_strengths(config))


def _samples(config: EditConfig) -> int:
    return config.num or (1 if config.directions else _SAMPLES)


def _strengths(config: EditConfig) -> list[float]:
    """A column each."""
    strengths = list(config.strengths)
    if len(strengths) != 2:
        return strengths
    number = _FRAMES if config.output.suffix == ".gif" else sheets.COLUMNS
    return np.linspace(strengths[0], strengths[1], number).round(6).tolist()


def _codes(synthesis: Synthesis, config: EditConfig, sources: Sources) -> Codes:
    """Of what is edited."""
    if sources.input is None:
        return synthesis.sampled(_samples(config), config.search.seed, sources.cycle)
    cycle = sources.cycle if config.labels else None
    return _of_input(synthesis, config, sources.input, cycle)


def _of_input(
    synthesis: Synthesis, config: EditConfig, given: Input, cycle: Sequence[Labels] | None
) -> Codes:
    """Codes of a file as they are, of pictures as they are found."""
    if given.codes is not None:
        return synthesis.with_styles(given.codes)
    assert given.pictures is not None
    labels = given.pictures.labels
    if cycle:
        labels = asked_labels.over(labels, cycle)
    return projections.projected(synthesis, given.pictures, labels, config.search).codes


def _sheet(
    synthesis: Synthesis,
    codes: Codes,
    found: Directions | None,
    config: EditConfig,
    sources: Sources,
) -> Sheet:
    if config.to_label:
        moves = config.output.suffix == ".gif"
        return sheets.of_labels(synthesis, codes, sources.targets, config.to_label, moves)
    if found is None:
        return _mixtures(synthesis, codes, config, sources)
    strengths = _strengths(config)
    if config.direction:
        return sheets.along(codes, found, [config.direction], strengths)
    assert config.directions is not None
    sheet = sheets.along(codes, found, range(1, config.directions + 1), strengths)
    names = direction_names.measured(synthesis, found, config.directions)
    return Sheet(sheet.codes, tuple(names * len(codes)), sheet.columns)


def _mixtures(synthesis: Synthesis, codes: Codes, config: EditConfig, sources: Sources) -> Sheet:
    assert synthesis.style_shape is not None
    layers = config.layers or mixing.fine_layers(synthesis.style_shape[0])
    if sources.mix is not None:
        others = _of_input(synthesis, config, sources.mix, None)
    else:
        assert isinstance(config.mix, int)
        others = synthesis.sampled(_samples(config), config.mix, sources.cycle)
    return sheets.of_mixtures(codes, others, layers)


def _write_png(config: EditConfig, sheet: Sheet, images: np.ndarray) -> None:
    columns = len(sheet.columns) + (1 if sheet.edges else 0)
    grid = image_grids.grid(images, columns)
    picture = image_grids.with_row_names(grid, sheet.rows)
    if any(sheet.columns):
        picture = image_grids.with_column_names(picture, sheet.columns, grid.shape[1])
    image_files.write_png(config.output, picture)


def _write_gif(config: EditConfig, sheet: Sheet, images: np.ndarray) -> None:
    """A column a frame, there and back."""
    columns = len(sheet.columns)
    by_column = images.reshape(-1, columns, *images.shape[1:]).swapaxes(0, 1)
    frames = [
        image_grids.enlarged(image_grids.grid(each, image_grids.full_columns(len(each))))
        for each in by_column
    ]
    back = frames[-2:0:-1]
    image_files.write_gif(config.output, [*frames, *back], rest=0 if back else _REST_MILLISECONDS)
