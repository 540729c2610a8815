"""The architectures: a table from name to builders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras

from trainer.models import dcgan


@dataclass(frozen=True)
class Architecture:
    """How to build the two networks of a GAN."""

    generator: Callable[[int, tuple[int, int, int]], keras.Model]  # noise_dim, image_shape
    discriminator: Callable[[tuple[int, int, int], float], keras.Model]  # image_shape, dropout


ARCHITECTURES = {
    "dcgan": Architecture(dcgan.generator, dcgan.discriminator),
}
