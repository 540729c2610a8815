"""Names of directions: what each changes; classes only where the package knows them."""

from __future__ import annotations

from trainer.configuration import asked_labels
from trainer.editing import effects, picture_measures
from trainer.editing.directions import Directions
from trainer.editing.synthesis import Synthesis
from trainer.evaluation import packaged_networks
from trainer.system import activity

_SAMPLES = 48
_COMPARED = 8  # directions, if there are as many, also where fewer are to be named


def measured(synthesis: Synthesis, found: Directions, number: int) -> list[str]:
    """What the first directions change, each after its number: on samples of all labels by turns.

    Args:
      synthesis: of the generator.
      found: its directions.
      number: how many.
    """
    measures = dict(picture_measures.MEASURES)
    if synthesis.recipe.data.dataset == "fashion_mnist":
        measures[effects.CLASS] = packaged_networks.classes
    codes = synthesis.sampled(_SAMPLES, 0, asked_labels.cycle(synthesis.recipe))
    compared = range(1, min(max(number, _COMPARED), len(found.vectors)) + 1)
    changed = [
        effects.of_direction(synthesis, codes, found, each, measures)
        for each in activity.each(compared, "measuring directions")
    ]
    return [f"{place}: {name}" for place, name in enumerate(effects.names(changed, number), 1)]
