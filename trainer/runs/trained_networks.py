"""The networks of a run, read back from a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from trainer.configuration.config import Recipe
from trainer.gan.networks import build_networks
from trainer.models import forms, spectral
from trainer.models.architectures import ARCHITECTURES
from trainer.models.conditioning import inputs_of
from trainer.runs import checkpoints, state_variables, stored_runs
from trainer.runs.state_variables import Tensors


@dataclass(frozen=True)
class Trained:
    """What a run has learnt, in float32, and where it was read from.

    The generator has the weights of the moving average where there is one, the discriminator
    normalised kernels where they are normalised.
    """

    recipe: Recipe
    generator: keras.Model
    discriminator: keras.Model
    step: int  # of the training
    source: str  # for people

    @property
    def pixel_min(self) -> float:
        """Value of a black pixel."""
        return ARCHITECTURES[self.recipe.networks.architecture].pixel_min

    def generate(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Images from latents `[N, noise_dim]`, and labels `[N, attributes]` where conditional."""
        return self.generator(inputs_of(self.generator, latents, labels), training=False)


def load(job_dir: Path, checkpoint: str) -> Trained:
    """Reads the networks of a run.

    Args:
      job_dir: the run directory.
      checkpoint: `latest`, `best`, a step, or a path without suffix.

    Raises:
      RefusedError: there is no run, no such checkpoint, or it is damaged.
    """
    stored = stored_runs.read(job_dir)
    forms.use(stored.execution.forms)
    return restore(stored.recipe, job_dir, checkpoint)


def restore(recipe: Recipe, job_dir: Path, checkpoint: str) -> Trained:
    """The same for a run whose recipe is known.

    Raises:
      RefusedError: there is no such checkpoint, or it is damaged or of another recipe.
    """
    source, tensors = checkpoints.read_chosen(job_dir / "checkpoints", checkpoint)
    generator, discriminator = build_networks(recipe, "float32")
    state = {
        network.name: {variable.path: variable.value for variable in network.variables}
        for network in (generator, discriminator)
    }
    step = tf.Variable(0, dtype=tf.int64)
    state_variables.assign({**state, "training": {"step": step}}, tensors, source)
    if recipe.ema_half_life:
        averaged = {"average": state["generator"]}
        state_variables.assign(averaged, tensors, source)
    if recipe.networks.spectral_norm:
        _normalise(discriminator, tensors, source)
    return Trained(recipe, generator, discriminator, int(step), source)


def _normalise(discriminator: keras.Model, tensors: Tensors, source: str) -> None:
    kernels = spectral.kernels(discriminator)
    vectors = {kernel.path: tf.Variable(tf.zeros(kernel.shape[-1:])) for kernel in kernels}
    state_variables.assign({"singular": vectors}, tensors, source)
    for kernel in kernels:
        kernel.assign(spectral.normalise(kernel.value, vectors[kernel.path]))
