"""The architectures: a table of builders by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras

from trainer.models import classic, cropped, dcgan, fashion, mlp, r3gan, residual, upsampling

Shape = tuple[int, int, int]  # height, width, channels


@dataclass(frozen=True)
class Architecture:
    """Builders of the two networks of a GAN, conditional where there are attributes.

    `generator(noise_dim, image_shape, label_sizes)` takes latents `[N, noise_dim]`, with attributes
    also labels `[N]`, or `[N, attributes]` of several, and returns images in [pixel_min, 1].
    `discriminator(image_shape, dropout, label_sizes)` takes images, with attributes also labels,
    and returns logits `[N, 1]`, large for real images; each depends on its own image alone.
    `label_sizes` has the number of values of each attribute; without any neither takes labels.
    """

    generator: Callable[[int, Shape, Sequence[int]], keras.Model]
    discriminator: Callable[[Shape, float, Sequence[int]], keras.Model]
    pixel_min: float = -1.0  # value of a black pixel


ARCHITECTURES = {
    "classic": Architecture(classic.generator, classic.discriminator),
    "cropped": Architecture(cropped.generator, cropped.discriminator),
    "dcgan": Architecture(dcgan.generator, dcgan.discriminator),
    "fashion": Architecture(fashion.generator, fashion.discriminator),
    "mlp": Architecture(mlp.generator, mlp.discriminator),
    "r3gan": Architecture(r3gan.generator, r3gan.discriminator),
    "residual": Architecture(residual.generator, residual.discriminator),
    "upsampling": Architecture(upsampling.generator, upsampling.discriminator, pixel_min=0.0),
}
