"""The architectures: a table of builders by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras

from trainer.models import classic, cropped, dcgan, fashion, mlp, r3gan, residual, upsampling

Shape = tuple[int, int, int]  # height, width, channels


@dataclass(frozen=True)
class Architecture:
    """Builders of the two networks of a GAN, conditional where there are classes.

    `generator(noise_dim, image_shape, classes)` takes latents `[N, noise_dim]`, with classes also
    labels `[N]`, and returns images in [pixel_min, 1]. `discriminator(image_shape, dropout,
    classes)` takes images, with classes also labels, and returns logits `[N, 1]`, large for real
    images; each depends on its own image alone. With 0 classes neither takes labels.
    """

    generator: Callable[[int, Shape, int], keras.Model]
    discriminator: Callable[[Shape, float, int], keras.Model]
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
