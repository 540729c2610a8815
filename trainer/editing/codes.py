"""What decides images: labels, latents, and the styles that a style-based generator has."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from trainer.configuration import asked_labels
from trainer.configuration.config import Recipe
from trainer.data.array_files import ArrayFile
from trainer.data.labels import Labels
from trainer.gan import image_batches
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Codes:
    """What decides so many images, a row each."""

    labels: np.ndarray  # int64 [N, attributes], -1 where not given
    latents: np.ndarray  # float32 [N, noise_dim]
    styles: np.ndarray | None  # float32 [N, layers, size]; None: the generator has none
    numbers: np.ndarray  # int64 [N]: of the images among all drawn; they decide the noise, if any
    generator: str = ""  # the digest of that which a file was drawn by; empty: not known

    def __len__(self) -> int:
        """The number of images."""
        return len(self.latents)

    def rows(self, rows: np.ndarray | slice) -> Codes:
        """Some of them, in this order."""
        styles = None if self.styles is None else self.styles[rows]
        return replace(
            self,
            labels=self.labels[rows],
            latents=self.latents[rows],
            styles=styles,
            numbers=self.numbers[rows],
        )

    def fields(self) -> dict[str, np.ndarray]:
        """The arrays of an .npz, beside labels."""
        styles = {} if self.styles is None else {"styles": self.styles}
        return {"latents": self.latents, **styles, "numbers": self.numbers}


def joined(parts: Sequence[Codes]) -> Codes:
    """All of them, one after the other; either all have styles or none."""
    styles = [part.styles for part in parts if part.styles is not None]
    return Codes(
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.latents for part in parts]),
        np.concatenate(styles) if styles else None,
        np.concatenate([part.numbers for part in parts]),
    )


def in_order(labels: np.ndarray, latents: np.ndarray, styles: np.ndarray | None = None) -> Codes:
    """Codes of images that are drawn one after the other."""
    return Codes(labels, latents, styles, np.arange(len(latents)))


def labelled(given: Codes, recipe: Recipe, cycle: Sequence[Labels], name: str) -> Codes:
    """Codes of a file with the labels that are asked for, where it does not say them.

    Args:
      given: from `read`.
      recipe: of the run.
      cycle: of successive images; none: none are asked for.
      name: of the file, for the message.

    Raises:
      RefusedError: the file says some of them, too.
    """
    is_said = given.labels >= 0
    if cycle:
        if (is_said & (asked_labels.by_turns(cycle, len(given)) >= 0)).any():
            raise RefusedError(f"{name} says what its images show: leave --labels out")
        return replace(given, labels=asked_labels.over(given.labels, cycle))
    decide = given.styles is None and recipe.networks.conditional
    if decide and not is_said.any(axis=1).all():
        log.warning("%s gives no labels for some images, though this run draws by them", name)
    return given


def are_in(arrays: ArrayFile) -> bool:
    """Whether a file says what decides its images."""
    return "latents" in arrays or "styles" in arrays


def read(arrays: ArrayFile, recipe: Recipe, beside_styles: Sequence[str] = ()) -> Codes:
    """What a file says, as far as that is known without the networks.

    Latents that a file with styles leaves out are zeros: styles decide.

    Args:
      arrays: of the file.
      recipe: of the run.
      beside_styles: fields that a file with styles must have, too, for they are to follow labels.

    Raises:
      RefusedError: a field is of another kind or size than the run's, or missing.
    """
    if "styles" in arrays and (missing := [name for name in beside_styles if name not in arrays]):
        raise RefusedError(
            f"{arrays.name} has styles without {' and '.join(missing)}, which --labels and "
            "--to_label need to change them: add those that the styles were made of"
        )
    noise_dim, styles, latents = recipe.networks.noise_dim, None, None
    if "latents" in arrays:
        latents = arrays.floats("latents", (noise_dim,))
    if "styles" in arrays:
        count = None if latents is None else len(latents)
        styles = arrays.floats("styles", (None, None), count)
    if latents is None and styles is not None:
        latents = np.zeros((len(styles), noise_dim), np.float32)
    if latents is None:
        latents = arrays.floats("latents", (noise_dim,))  # says what there is instead
    labels = arrays.labels(recipe.data.attributes, len(latents))
    found = in_order(labels, latents, styles)
    if "generator" in arrays:
        found = replace(found, generator=arrays.text("generator"))
    if "numbers" in arrays:
        return replace(found, numbers=arrays.counts("numbers", len(latents)))
    if "places" in arrays:  # in a batch, as the noise was decided before
        batch = image_batches.size(recipe.data.image_shape)
        return replace(found, numbers=arrays.counts("places", len(latents)) % batch)
    return found
