"""Edited images in rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from trainer.editing import labels_changed, mixing
from trainer.editing.codes import Codes, joined
from trainer.editing.directions import Directions
from trainer.editing.synthesis import Synthesis

COLUMNS = 9  # from one strength to another
FRAMES_OF_A_LABEL = 12  # of an animation, where styles can go


@dataclass(frozen=True)
class Sheet:
    """Codes of images, row by row."""

    codes: Codes
    rows: tuple[str, ...]  # their names; none: they have none
    columns: tuple[str, ...]
    edges: tuple[Codes, Codes] | None = None  # what rows and columns are made of, one each

    def with_edges(self, synthesis: Synthesis, images: np.ndarray) -> np.ndarray:
        """Its images, with those at the edges above and to their left: `[(R + 1) * (C + 1), ...]`.

        The corner is white. A sheet without edges stays as it is.
        """
        if self.edges is None:
            return images
        left, above = (synthesis.images(each) for each in self.edges)
        table = np.full((len(left) + 1, len(above) + 1, *images.shape[1:]), 255, np.uint8)
        table[1:, 0], table[0, 1:] = left, above
        table[1:, 1:] = images.reshape(len(left), len(above), *images.shape[1:])
        return table.reshape(-1, *images.shape[1:])


def of_labels(
    synthesis: Synthesis,
    codes: Codes,
    targets: Sequence[tuple[int, ...]],
    names: Sequence[str],
    gradually: bool = False,
) -> Sheet:
    """Each image as it is, and by other labels.

    Args:
      synthesis: of the generator.
      codes: of the images, a row each.
      targets: labels; -1 keeps what there is.
      names: of the targets.
      gradually: the columns are steps on the way through all targets, where styles can go.
    """
    columns, captions = [codes], ["original"]
    for labels, name in zip(targets, names, strict=True):
        wanted = np.tile(np.array(labels, np.int64), (len(codes), 1))
        changed = labels_changed.changed(synthesis, codes, wanted)
        if gradually and codes.styles is not None:
            before = columns[-1]
            for step in range(1, FRAMES_OF_A_LABEL):
                columns.append(_between(before, changed, step / FRAMES_OF_A_LABEL))
                captions.append(name)
        columns.append(changed)
        captions.append(name)
    return Sheet(_row_by_row(columns), (), tuple(captions))


def along(
    codes: Codes, directions: Directions, numbers: Sequence[int], strengths: Sequence[float]
) -> Sheet:
    """Each image along each direction: a row for each, a column for each strength."""
    order = np.arange(len(numbers) * len(codes)).reshape(len(numbers), len(codes)).T.ravel()
    columns = []
    for strength in strengths:
        moved = [
            directions.moved(codes, number, np.full(len(codes), strength)) for number in numbers
        ]
        columns.append(joined(moved).rows(order))
    captions = tuple(f"{strength:+.2g}" if strength else "0" for strength in strengths)
    return Sheet(_row_by_row(columns), (), captions)


def of_mixtures(rows: Codes, columns: Codes, layers: Sequence[int]) -> Sheet:
    """Styles of the rows' images with layers of the columns'."""
    names = ("",) * len(columns)
    return Sheet(mixing.mixed(rows, columns, layers), (), names, (rows, columns))


def _between(start: Codes, end: Codes, share: float) -> Codes:
    assert start.styles is not None and end.styles is not None
    styles = (1 - share) * start.styles + share * end.styles
    return replace(end, styles=styles.astype(np.float32))


def _row_by_row(columns: Sequence[Codes]) -> Codes:
    """Columns of equal length as rows, one after the other."""
    order = np.arange(len(columns) * len(columns[0])).reshape(len(columns), -1).T.ravel()
    return joined(columns).rows(order)
