"""Pictures along the directions in which the generator's pictures change most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.editing import sheets
from trainer.editing.codes import Codes
from trainer.studio import drawing
from trainer.studio.drawing import Sample
from trainer.studio.open_run import OpenRun
from trainer.studio.shown import Command, Shown, codes_file, labels_flag

STRENGTH = 3.0  # standard deviations, at most


@dataclass(frozen=True)
class Start:
    """What is moved, and the arguments by which `edit` takes the same."""

    codes: Codes  # of one picture
    arguments: tuple[str, ...]
    files: dict[str, bytes]


def of_sample(run: OpenRun, sample: Sample) -> Start:
    """The first picture of a seed."""
    asked = labels_flag("labels", [sample.labels], run.recipe)
    return Start(drawing.sampled(run, sample), ("--num=1", f"--seed={sample.seed}", *asked), {})


def of_codes(codes: Codes) -> Start:
    """What was found for a picture."""
    return Start(codes, ("--input=start.npz",), {"start.npz": codes_file(codes)})


def moved(run: OpenRun, start: Start, strengths: Sequence[float]) -> Shown:
    """A picture moved along the first directions at once, in standard deviations of samples."""
    codes = start.codes
    for number, strength in enumerate(strengths, 1):
        if strength:
            codes = run.directions.moved(codes, number, np.array([strength]))
    return Shown(
        run.synthesis.images(codes),
        ("moved",),
        Command(
            "generate",
            (*run.arguments, "--latents=moved.npz", "--output=moved.png"),
            {"moved.npz": codes_file(codes)},
        ),
    )


def overview(run: OpenRun, start: Start) -> Shown:
    """A row for each of the first directions, from one end to the other."""
    names = run.direction_names
    strengths = np.linspace(-STRENGTH, STRENGTH, sheets.COLUMNS).round(6).tolist()
    sheet = sheets.along(start.codes, run.directions, range(1, len(names) + 1), strengths)
    arguments = (
        *run.arguments,
        *start.arguments,
        f"--directions={len(names)}",
        f"--strength={-STRENGTH:g},{STRENGTH:g}",
        "--output=directions.png",
    )
    return Shown(
        run.synthesis.images(sheet.codes),
        ("",) * sheets.COLUMNS * (len(names) - 1) + sheet.columns,
        Command("edit", arguments, start.files),
        tuple(names),
    )
