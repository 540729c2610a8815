"""Images as they would be by another label: the same latent, so that all else is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trainer.data.labels import NOT_GIVEN
from trainer.editing.codes import Codes
from trainer.editing.synthesis import Synthesis


def changed(synthesis: Synthesis, codes: Codes, labels: np.ndarray) -> Codes:
    """Codes with other labels.

    Styles go as far as the mapping network's do from the one label to the other: those that were
    found for pictures keep what the mapping network would not have made.

    Args:
      synthesis: of the generator.
      codes: of images.
      labels: int `[N, attributes]`; -1 keeps what there is.
    """
    new = np.where(labels == NOT_GIVEN, codes.labels, labels)
    mapped = replace(synthesis.codes(codes.latents, new), numbers=codes.numbers)
    if codes.styles is None or mapped.styles is None:
        return mapped
    before = synthesis.codes(codes.latents, codes.labels).styles
    return replace(codes, labels=new, styles=codes.styles + (mapped.styles - before))
