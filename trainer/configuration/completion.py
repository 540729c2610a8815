"""Completing pictures: which parts are missing in training, and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.configuration.choices import MASKS
from trainer.system.exits import RefusedError


@dataclass(frozen=True)
class Completion:
    """What a generator of the inpainting kind is trained for; all else generates whole pictures."""

    masks: str  # names of `choices.MASKS`, joined by commas; empty: nothing is missing
    reconstruction: float  # weight of the distance to the picture, where it is missing
    diversity: float  # share of the picture's own spread that completions of it are to have
    recognition: float  # weight of the loss of labels that are told by what is known; 0: none are

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of masks, drawn equally often."""
        return tuple(name for name in self.masks.split(",") if name)


def parse(text: str) -> str:
    """Names of masks in the order of `choices.MASKS`, each once.

    Raises:
      RefusedError: a name is unknown.
    """
    names = {name.strip() for name in text.split(",")} - {""}
    if unknown := sorted(names - set(MASKS)):
        raise RefusedError(f"--masks={text} names {unknown[0]!r}: there are {', '.join(MASKS)}")
    return ",".join(name for name in MASKS if name in names)
