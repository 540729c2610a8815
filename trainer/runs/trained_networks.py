"""The networks of a run, read back from a checkpoint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from trainer import run_layout
from trainer.configuration import step_counts
from trainer.configuration.config import Recipe
from trainer.configuration.config_json import RunConfig
from trainer.gan import active_networks, stages
from trainer.gan.networks import build_networks, label_sizes
from trainer.models import forms, image_noise, label_classification, spectral
from trainer.models.architectures import ARCHITECTURES
from trainer.models.conditioning import Incomplete, inputs_of
from trainer.runs import checkpoints, state_variables
from trainer.runs.state_variables import Tensors
from trainer.system import activity, determinism
from trainer.system.exits import RefusedError


@dataclass(frozen=True)
class Trained:
    """What a run has learnt, in float32, and where it was read from.

    The generator has the weights of the moving average where there is one, the discriminator
    normalised kernels where they are normalised; of one that classifies see
    `with_training_logits`.
    """

    recipe: Recipe
    generator: keras.Model
    discriminator: keras.Model
    step: int  # of the training
    source: str  # for people
    growing: keras.Model | None = None  # what generates while the generator is not full-grown

    @property
    def with_training_logits(self) -> keras.Model:
        """The discriminator with the logits of its training, which differ where it classifies.

        See `label_classification.with_training_logits`.
        """
        if self.recipe.objective.has_auxiliary_classifier:
            return label_classification.without_auxiliary_classifier(self.discriminator)
        if not self.recipe.objective.classification:
            return self.discriminator
        return label_classification.with_training_logits(
            self.discriminator, label_sizes(self.recipe)
        )

    @property
    def digest(self) -> str:
        """Of the generator's weights: what says whether two files were drawn by the same."""
        digest = hashlib.sha256()
        for weight in self.generator.weights:
            digest.update(weight.numpy().tobytes())
        return digest.hexdigest()[:16]

    @property
    def pixel_min(self) -> float:
        """Value of a black pixel."""
        return ARCHITECTURES[self.recipe.networks.architecture].pixel_min

    def generate(
        self,
        latents: tf.Tensor,
        labels: tf.Tensor,
        incomplete: Incomplete | None = None,
        first: int | tf.Tensor = 0,
    ) -> tf.Tensor:
        """Images from latents `[N, noise_dim]`, and labels `[N, attributes]` where conditional.

        Args:
          latents: float32.
          labels: int32, -1 where not given.
          incomplete: what a generator that completes gets.
          first: the number of the first among all that are drawn, see `image_noise.fixed`.
        """
        network, rows = self.growing or self.generator, tf.shape(latents)[0]
        noise = image_noise.fixed(network, rows, first)
        if not self.growing:
            inputs = inputs_of(network, latents, labels, noise, incomplete=incomplete)
            return network(inputs, training=False)
        stage = step_counts.stage_of_step(self.recipe, self.step)
        faded_in = tf.fill([rows, 1], stages.faded_in(self.recipe, stage, self.step))
        inputs = inputs_of(network, latents, labels, noise, faded_in)
        side = self.recipe.data.image_shape[0]
        return stages.enlarged(network(inputs, training=False), side)

    def check_full_grown(self) -> None:
        """Refuses what needs a generator of the images' sides.

        Raises:
          RefusedError: the run was still growing.
        """
        if self.growing:
            full = step_counts.full_grown_step(self.recipe)
            raise RefusedError(
                f"the networks of {self.source} are still growing, until step {full}: use a later "
                "checkpoint"
            )


def load(stored: RunConfig, job_dir: Path, checkpoint: str) -> Trained:
    """Reads the networks of a run; what is computed of them has the same bits each time.

    Args:
      stored: the run's configuration, from `stored_runs`.
      job_dir: the run directory.
      checkpoint: `latest`, `best`, a step, or a path without suffix.

    Raises:
      RefusedError: there is no such checkpoint, or it is damaged or of another recipe.
    """
    activity.now("reading the generator")
    determinism.enable()
    forms.use(stored.execution.forms)
    return restore(stored.recipe, job_dir, checkpoint)


def restore(recipe: Recipe, job_dir: Path, checkpoint: str) -> Trained:
    """The same for a run whose recipe is known.

    Raises:
      RefusedError: there is no such checkpoint, or it is damaged or of another recipe.
    """
    source, tensors = checkpoints.read_chosen(job_dir / run_layout.CHECKPOINTS, checkpoint)
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
    growing = _growing(recipe, int(step), generator)
    return Trained(recipe, generator, discriminator, int(step), source, growing)


def _growing(recipe: Recipe, step: int, generator: keras.Model) -> keras.Model | None:
    """The generator of the stage in which a run is, with the weights of the whole one."""
    if step >= step_counts.full_grown_step(recipe):
        return None
    network = active_networks.stage_generator(
        recipe, "float32", step_counts.stage_of_step(recipe, step)
    )
    values = {weight.path: weight for weight in generator.weights}
    for weight in network.weights:
        weight.assign(values[weight.path])
    return network


def _normalise(discriminator: keras.Model, tensors: Tensors, source: str) -> None:
    kernels = spectral.kernels(discriminator)
    vectors = {kernel.path: tf.Variable(tf.zeros(kernel.shape[-1:])) for kernel in kernels}
    state_variables.assign({"singular": vectors}, tensors, source)
    for kernel in kernels:
        kernel.assign(spectral.normalise(kernel.value, vectors[kernel.path]))
