"""Small generators as if they had been trained."""

from __future__ import annotations

import numpy as np

from trainer.configuration import flags
from trainer.editing.synthesis import Synthesis
from trainer.gan.networks import build_networks
from trainer.models.layers import initialise
from trainer.runs.trained_networks import Trained

SMALL = ("--image_size=16", "--noise_dim=6", "--batch_size=4")
NARROW = ("--width=4", "--max_width=8")
PRESETS = {
    "style": ("--preset=fashion", *NARROW),
    "stylegan": ("--preset=stylegan", *NARROW),
    "plain": ("--preset=fashion", "--architecture=fashion", *NARROW),
    "unconditional": ("--preset=fashion", "--architecture=fashion", "--noconditional", *NARROW),
    "completing": ("--preset=inpaint", *NARROW),
    "mlp": ("--preset=mlp", "--conditional"),
}


def trained(name: str, *more: str) -> Trained:
    """Networks of a row of `PRESETS`; noise has some strength."""
    given = ["--job_dir=x", "--dataset=synthetic_garments", "--precision=float32", *SMALL]
    if name != "unconditional":
        given.append("--attributes=class,colour")
    recipe = flags.train(["train", *given, *PRESETS[name], *more]).recipe
    generator, discriminator = build_networks(recipe, "float32")
    initialise(generator, 0, "generator")
    for layer in generator.layers:
        if getattr(layer, "noisy", False):
            layer.strength.assign(0.5)
            layer.bias.assign(np.linspace(-1, 1, layer.filters))
    return Trained(recipe, generator, discriminator, 1, "a run")


def synthesis(name: str) -> Synthesis:
    """What makes images of it."""
    return Synthesis(trained(name))
