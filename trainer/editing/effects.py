"""What a direction changes: by how much of what differs between samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trainer.editing.codes import Codes
from trainer.editing.directions import Directions
from trainer.editing.picture_measures import Measure
from trainer.editing.synthesis import Synthesis

CLASS = "class"  # a measure whose values are names, not amounts
_TRACE = 0.1  # of what two samples differ by: less says nothing of some dozens of samples


def of_direction(
    synthesis: Synthesis,
    codes: Codes,
    directions: Directions,
    number: int,
    measures: Mapping[str, Measure],
) -> dict[str, float]:
    """The change from one standard deviation before samples to one behind them, by measure.

    Args:
      synthesis: of the generator.
      codes: of some dozens of samples.
      directions: of the generator.
      number: of the one, from 1.
      measures: of pictures; that of `CLASS` gives classes.

    Returns:
      The mean difference of a sample's two ends, divided by that of two samples, whose labels are
      those that the codes have beside each other: 1 is as much as these differ.
    """
    ends = [
        synthesis.images(directions.moved(codes, number, np.full(len(codes), side)))
        for side in (-1.0, 1.0)
    ]
    drawn = synthesis.images(codes)
    found = {}
    for name, measure in measures.items():
        values = measure(drawn)
        between = np.mean([_difference(name, values, np.roll(values, k)) for k in range(1, 8)])
        change = _difference(name, *(measure(images) for images in ends))
        found[name] = change / float(between) if between else 0.0
    return found


def names(effects: Sequence[Mapping[str, float]], number: int) -> list[str]:
    """What each of the first directions changes more than directions do on the average.

    By the largest effect alone nearly all would have the name of what is easily changed; traces
    count little.

    Args:
      effects: of the directions, as `of_direction` has them.
      number: how many are to be named.
    """
    usual = {name: np.mean([each[name] for each in effects]) for name in effects[0]}
    changed = []
    for of_each in effects[:number]:
        beside = {name: value / (usual[name] + _TRACE) for name, value in of_each.items()}
        name = max(beside, key=beside.__getitem__)
        changed.append(name if of_each[name] else "nothing")
    return changed


def _difference(name: str, left: np.ndarray, right: np.ndarray) -> float:
    if name == CLASS:
        return float(np.mean(left != right))
    return float(np.abs(left - right).mean())
