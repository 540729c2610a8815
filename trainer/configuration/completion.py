"""Completing pictures: which parts are missing in training, and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass


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
