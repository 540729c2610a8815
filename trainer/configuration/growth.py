"""Progressive growing: the sides at which a run trains, by the images that it has seen.

(Karras et al. 2017, arXiv:1710.10196.) Everything is a function of the step, so that a resumed run
is where it was.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Growth:
    """When the networks' sides double."""

    grow_from: int  # the first side; 0: all of the images' from the start
    grow_images: int  # at each side, once it is faded in
    fade_images: int  # while a side is faded in

    def doublings(self, side: int) -> int:
        """How often sides double until they are the images'."""
        return (side // self.grow_from).bit_length() - 1 if self.grow_from else 0

    def first_image(self, stage: int) -> int:
        """The images seen when a stage begins; 0 is the first."""
        return stage * self.grow_images + max(stage - 1, 0) * self.fade_images
