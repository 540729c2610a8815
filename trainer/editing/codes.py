"""What decides images: labels, latents, and the styles that a style-based generator has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.configuration.config import Recipe
from trainer.data.array_files import ArrayFile


@dataclass(frozen=True)
class Codes:
    """What decides so many images, a row each."""

    labels: np.ndarray  # int64 [N, attributes], -1 where not given
    latents: np.ndarray  # float32 [N, noise_dim]
    styles: np.ndarray | None  # float32 [N, layers, size]; None: the generator has none

    def __len__(self) -> int:
        """The number of images."""
        return len(self.latents)

    def rows(self, rows: np.ndarray | slice) -> Codes:
        """Some of them, in this order."""
        styles = None if self.styles is None else self.styles[rows]
        return Codes(self.labels[rows], self.latents[rows], styles)

    def fields(self) -> dict[str, np.ndarray]:
        """The arrays of an .npz, beside labels."""
        styles = {} if self.styles is None else {"styles": self.styles}
        return {"latents": self.latents, **styles}


def joined(parts: Sequence[Codes]) -> Codes:
    """All of them, one after the other; either all have styles or none."""
    styles = [part.styles for part in parts if part.styles is not None]
    return Codes(
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.latents for part in parts]),
        np.concatenate(styles) if styles else None,
    )


def are_in(arrays: ArrayFile) -> bool:
    """Whether a file says what decides its images."""
    return "latents" in arrays or "styles" in arrays


def read(arrays: ArrayFile, recipe: Recipe) -> Codes:
    """What a file says, as far as that is known without the networks.

    Latents that a file with styles leaves out are zeros: styles decide.

    Raises:
      RefusedError: a field is of another kind or size than the run's.
    """
    noise_dim, styles, latents = recipe.networks.noise_dim, None, None
    if "latents" in arrays:
        latents = arrays.numbers("latents", (noise_dim,))
    if "styles" in arrays:
        count = None if latents is None else len(latents)
        styles = arrays.numbers("styles", (None, None), count)
    if latents is None and styles is not None:
        latents = np.zeros((len(styles), noise_dim), np.float32)
    if latents is None:
        latents = arrays.numbers("latents", (noise_dim,))  # says what there is instead
    labels = arrays.labels(recipe.data.attributes, len(latents))
    return Codes(labels, latents, styles)
