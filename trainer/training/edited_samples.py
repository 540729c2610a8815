"""What a finished style-based generator can be asked for: directions, mixtures of styles."""

from __future__ import annotations

import logging

import numpy as np

from trainer.configuration import asked_labels
from trainer.editing import directions, mixing, sheets
from trainer.editing.synthesis import Synthesis
from trainer.models import mapping
from trainer.monitoring import image_grids
from trainer.runs.trained_networks import Trained

log = logging.getLogger(__name__)

_DIRECTIONS, _STRENGTHS = 8, (-2.0, -1.0, 0.0, 1.0, 2.0)
_MIXED = 5  # samples a side of the mixtures


def pictures(networks: Trained) -> dict[str, np.ndarray]:
    """Both by name, uint8 `[height, width, channels]`; none of generators without styles.

    A weight that is not finite has no directions: then the run ends without them.
    """
    if networks.growing or not mapping.is_style_based(networks.generator):
        return {}
    synthesis = Synthesis(networks)
    assert synthesis.style_shape is not None
    cycle = asked_labels.cycle(networks.recipe)
    first, second = (synthesis.sampled(_MIXED, seed, cycle) for seed in (0, 1))
    try:
        found = directions.closed_form(synthesis)
    except np.linalg.LinAlgError as error:
        log.warning("no directions of styles are shown: %s", error)
        return {}
    numbers = range(1, min(_DIRECTIONS, len(found.vectors)) + 1)
    along = sheets.along(first.rows(slice(1)), found, numbers, _STRENGTHS)
    mixed = sheets.of_mixtures(first, second, mixing.fine_layers(synthesis.style_shape[0]))
    table = mixed.with_edges(synthesis, synthesis.images(mixed.codes))
    return {
        "directions": image_grids.grid(synthesis.images(along.codes), len(_STRENGTHS)),
        "mixtures": image_grids.grid(table, _MIXED + 1),
    }
