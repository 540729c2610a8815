"""Edited images as files: rows and columns, an animation, arrays."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.commands import projections, redrawn
from trainer.configuration import asked_labels
from trainer.configuration.editing import EditConfig
from trainer.data.labels import Labels
from trainer.editing import directions, mixing, sheets
from trainer.editing.codes import Codes
from trainer.editing.inputs import Input
from trainer.editing.sheets import Sheet
from trainer.editing.synthesis import Synthesis
from trainer.evaluation import direction_names
from trainer.monitoring import image_grids
from trainer.runs import trained_networks
from trainer.system import activity
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

_FRAMES = 25  # between two strengths
_SAMPLES = 8
_MOST_MIXTURES = 10**5
_REST_MILLISECONDS = 400


@dataclass(frozen=True)
class Sources:
    """What is edited, and into what, as far as it is known without the networks."""

    input: Input | None  # None: samples
    mix: Input | None  # None: samples of a seed, or nothing
    cycle: Sequence[Labels]  # of samples, or of pictures where they are asked for
    targets: Sequence[Labels]


def write(config: EditConfig, sources: Sources) -> None:
    """Edits and writes.

    Raises:
      RefusedError: the checkpoint is damaged, of a run that was still growing, or has no such
        direction, layer, or styles.
    """
    activity.now("reading the generator")
    synthesis = Synthesis(trained_networks.load(config.job_dir, config.checkpoint))
    _check(config, synthesis)
    codes = _codes(synthesis, config, sources)
    activity.now(f"editing {len(codes)} images")
    log.info("editing %d images by %s", len(codes), synthesis.source)
    sheet = _sheet(synthesis, codes, config, sources)
    if config.output.suffix == ".png":
        columns, edge = len(sheet.columns), 1 if sheet.edges else 0
        rows = len(sheet.codes) // columns
        image_grids.check_size(rows + edge, columns + edge, synthesis.recipe.data.image_shape)
    images = sheet.images(synthesis)
    if config.output.suffix == ".npz":
        redrawn.write_arrays(config.output, images, sheet.codes, synthesis)
    elif config.output.suffix == ".gif":
        _write_gif(config, sheet, images)
    else:
        _write_png(config, sheet, sheet.with_edges(synthesis, images))


def _check(config: EditConfig, synthesis: Synthesis) -> None:
    """Refuses what this run's generator does not have, before anything is projected."""
    if config.mix is not None and synthesis.style_shape is None:
        raise RefusedError("--mix: this run's generator has no styles that could be mixed")
    if config.layers is not None:
        directions.check_layers(synthesis, config.layers)


def _codes(synthesis: Synthesis, config: EditConfig, sources: Sources) -> Codes:
    """Of what is edited."""
    if sources.input is None:
        num = config.num or (1 if config.directions else _SAMPLES)
        return synthesis.sampled(num, config.search.seed, sources.cycle)
    cycle = sources.cycle if config.labels else None
    return _of_input(synthesis, config, sources.input, cycle)


def _of_input(
    synthesis: Synthesis, config: EditConfig, given: Input, cycle: Sequence[Labels] | None
) -> Codes:
    """Codes of a file as they are, of pictures as they are found."""
    if given.codes is not None:
        return synthesis.check(given.codes, given.name)
    assert given.pictures is not None
    labels = given.pictures.labels
    if cycle:
        labels = asked_labels.over(labels, cycle)
    return projections.projected(synthesis, given.pictures, labels, config.search).codes


def _sheet(synthesis: Synthesis, codes: Codes, config: EditConfig, sources: Sources) -> Sheet:
    moves = config.output.suffix == ".gif"
    if config.to_label:
        return sheets.of_labels(synthesis, codes, sources.targets, config.to_label, moves)
    if config.mix is not None:
        return _mixtures(synthesis, codes, config, sources)
    found = directions.closed_form(synthesis, config.layers)
    strengths = list(config.strengths)
    if len(strengths) == 2:
        number = _FRAMES if moves else sheets.COLUMNS
        strengths = np.linspace(strengths[0], strengths[1], number).round(6).tolist()
    if config.direction:
        directions.check_number(found, "direction", config.direction)
        return sheets.along(codes, found, [config.direction], strengths)
    assert config.directions is not None
    directions.check_number(found, "directions", config.directions)
    numbers = range(1, config.directions + 1)
    sheet = sheets.along(codes, found, numbers, strengths)
    names = direction_names.measured(synthesis, found, config.directions, sources.cycle)
    return Sheet(sheet.codes, tuple(names * len(codes)), sheet.columns)


def _mixtures(synthesis: Synthesis, codes: Codes, config: EditConfig, sources: Sources) -> Sheet:
    assert synthesis.style_shape is not None
    layers = config.layers or mixing.fine_layers(synthesis.style_shape[0])
    if sources.mix is not None:
        others = _of_input(synthesis, config, sources.mix, None)
    else:
        assert isinstance(config.mix, int)
        others = synthesis.sampled(config.num or _SAMPLES, config.mix, sources.cycle)
    if len(codes) * len(others) > _MOST_MIXTURES:
        raise RefusedError(
            f"--mix makes a picture of each pair, of {len(codes)} and {len(others)} more than "
            f"{_MOST_MIXTURES}: use fewer"
        )
    return sheets.of_mixtures(codes, others, layers)


def _write_png(config: EditConfig, sheet: Sheet, images: np.ndarray) -> None:
    columns = len(sheet.columns) + (1 if sheet.edges else 0)
    grid = image_grids.grid(images, columns)
    picture = image_grids.with_row_names(grid, sheet.rows)
    if any(sheet.columns):
        picture = image_grids.with_column_names(picture, sheet.columns, grid.shape[1])
    image_grids.write_png(config.output, picture)


def _write_gif(config: EditConfig, sheet: Sheet, images: np.ndarray) -> None:
    """A column a frame, there and back."""
    columns = len(sheet.columns)
    by_column = images.reshape(-1, columns, *images.shape[1:]).swapaxes(0, 1)
    frames = [
        image_grids.enlarged(image_grids.grid(each, image_grids.full_columns(len(each))))
        for each in by_column
    ]
    back = frames[-2:0:-1]
    image_grids.write_gif(config.output, [*frames, *back], rest=0 if back else _REST_MILLISECONDS)
