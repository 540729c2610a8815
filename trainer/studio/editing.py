"""A user's picture as the generator draws it, and as it would be by other labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.configuration.editing import Search
from trainer.data.labels import Labels
from trainer.editing import projection, sheets
from trainer.editing.codes import Codes
from trainer.studio.open_run import OpenRun
from trainer.studio.shown import Command, Shown, arrays, labels_flag, written


@dataclass(frozen=True)
class Found:
    """What was found for a picture, and what from."""

    codes: Codes
    psnr: float  # in dB
    drawn: np.ndarray  # uint8 [1, height, width, channels]
    picture: bytes  # the .npz of the picture
    search: Search


def found(run: OpenRun, picture: np.ndarray, labels: Labels, search: Search) -> Found:
    """The codes whose picture is most like another.

    Args:
      run: that draws.
      picture: uint8 `[height, width, channels]`.
      labels: that it has, -1 where not known.
      search: of the search.
    """
    images, rows = picture[np.newaxis], run.rows(labels)
    projected = projection.project(run.synthesis, images, rows, None, search)
    return Found(
        projected.codes,
        float(projected.psnr[0]),
        projected.images,
        arrays(images=images, labels=rows),
        search,
    )


def as_drawn(run: OpenRun, given: Found) -> Shown:
    """The picture as the generator draws it, and as `project` does."""
    arguments = (
        *run.arguments,
        "--input=picture.npz",
        *search_flags(given.search),
        "--output=drawn.png",
    )
    return Shown(
        given.drawn,
        ("as drawn",),
        Command("project", arguments, {"picture.npz": given.picture}),
    )


def by_labels(run: OpenRun, given: Found, targets: Sequence[Labels]) -> Shown:
    """The picture as it is drawn, then by each of other labels."""
    recipe = run.recipe
    names = [written(each, recipe.data.attributes) for each in targets]
    sheet = sheets.of_labels(run.synthesis, given.codes, targets, names)
    arguments = (
        *run.arguments,
        "--input=picture.npz",
        *labels_flag("to_label", targets, recipe),
        *search_flags(given.search),
        "--output=edited.png",
    )
    return Shown(
        run.synthesis.images(sheet.codes),
        ("as drawn", *names),
        Command("edit", arguments, {"picture.npz": given.picture}),
    )


def search_flags(search: Search) -> list[str]:
    """The flags of a search, as far as they differ from what commands take by themselves."""
    wanted, usual = dataclasses.asdict(search), dataclasses.asdict(Search())
    return [
        f"--{name}={wanted[name]}"
        for name in ("restarts", "steps", "seed")
        if wanted[name] != usual[name]
    ]
