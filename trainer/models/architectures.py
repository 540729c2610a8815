"""The architectures: a table of builders by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras

from trainer.models import (
    classic,
    comodulated,
    cropped,
    dcgan,
    fashion,
    mlp,
    r3gan,
    residual,
    style,
    stylegan,
    upsampling,
)
from trainer.models.design import Design


@dataclass(frozen=True)
class Architecture:
    """Builders of the two networks of a GAN, conditional where the design has labels.

    The generator takes latents `[N, noise_dim]`, with labels also those, `[N]` of one attribute or
    `[N, attributes]` of several, and returns images in [pixel_min, 1], or near that range where its
    output is linear. The discriminator takes images, with labels also those, and returns logits
    `[N, 1]`, large for real images; each depends on its own image alone. A generator that completes
    also takes what `Incomplete` has.
    """

    generator: Callable[[Design], keras.Model]
    discriminator: Callable[[Design], keras.Model]
    pixel_min: float = -1.0  # value of a black pixel


ARCHITECTURES = {
    "classic": Architecture(classic.generator, classic.discriminator),
    "comodulated": Architecture(comodulated.generator, comodulated.discriminator),
    "cropped": Architecture(cropped.generator, cropped.discriminator),
    "dcgan": Architecture(dcgan.generator, dcgan.discriminator),
    "fashion": Architecture(fashion.generator, fashion.discriminator),
    "mlp": Architecture(mlp.generator, mlp.discriminator),
    "r3gan": Architecture(r3gan.generator, r3gan.discriminator),
    "residual": Architecture(residual.generator, residual.discriminator),
    "residual_mean": Architecture(residual.generator, residual.discriminator_of_means),
    "style": Architecture(style.generator, style.discriminator),
    "style_joint": Architecture(style.joint_generator, style.discriminator),
    "stylegan": Architecture(stylegan.generator, stylegan.discriminator),
    "stylegan_transposed": Architecture(stylegan.transposed_generator, stylegan.discriminator),
    "stylegan_joint": Architecture(stylegan.joint_generator, stylegan.discriminator),
    "upsampling": Architecture(upsampling.generator, upsampling.discriminator, pixel_min=0.0),
}
