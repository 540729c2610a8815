"""What the builders of an architecture's two networks get."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.data import datasets


@dataclass(frozen=True)
class Design:
    """The shapes that two networks must have, and how large they are between them."""

    noise_dim: int  # dimensions of a latent
    image_shape: tuple[int, int, int]  # height, width, channels
    label_sizes: tuple[int, ...]  # values of each attribute; empty: no labels
    width: int  # channels at the finest side
    max_width: int  # the most channels at any side
    dropout: float  # rate, in the discriminator
    mapping_layers: int  # of the network that makes styles of latents, if there is one
    recognises: bool = False  # a generator that completes tells labels that are not given
    missing: int = 0  # doublings to the images' sides that are not there yet, of growing networks
    fades: bool = False  # the finest side counts as much as an input `faded_in` says

    @property
    def halvings(self) -> int:
        """How often the networks halve the sides of images."""
        return datasets.halvings(self.image_shape[0])

    @property
    def doublings(self) -> int:
        """How often the networks double the smallest sides, as far as they have grown."""
        return self.halvings - self.missing

    @property
    def base(self) -> tuple[int, int]:
        """The smallest height and width."""
        height, width, _ = self.image_shape
        return height >> self.halvings, width >> self.halvings

    def channels(self, halved: int) -> int:
        """Channels where sides have been halved so often: twice as many each time, up to the most.

        (As Karras et al. 2017, arXiv:1710.10196.)
        """
        return min(self.width << halved, self.max_width)
