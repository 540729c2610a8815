"""The networks of a run, read back from a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from trainer import checkpoints, config
from trainer.config import Recipe
from trainer.data import pixels
from trainer.exits import RefusedError
from trainer.gan import build_networks
from trainer.randomness import Draws

# Fixed, so that the bits of an image do not depend on how many are asked for.
SAMPLING_BATCH = 128


@dataclass(frozen=True)
class Trained:
    """What a run has learnt, in float32, and where it was read from."""

    recipe: Recipe
    generator: keras.Model
    discriminator: keras.Model
    source: str


def load(job_dir: Path, checkpoint: str) -> Trained:
    """Reads the networks of a run.

    Args:
      job_dir: the run directory.
      checkpoint: `latest`, a step, or a path without suffix.

    Raises:
      RefusedError: there is no run, no such checkpoint, or it is damaged.
    """
    stored = config.read_json(job_dir)
    if stored is None:
        raise RefusedError(f"--job_dir={job_dir} holds no run: train first")
    recipe = config.recipe_from(stored, job_dir)
    source, tensors = checkpoints.read_chosen(job_dir / "checkpoints", checkpoint)
    generator, discriminator = build_networks(recipe, "float32")
    state = {
        network.name: {variable.path: variable.value for variable in network.variables}
        for network in (generator, discriminator)
    }
    checkpoints.assign(state, tensors, source)
    return Trained(recipe, generator, discriminator, source)


def latents(recipe: Recipe, seed: int | tf.Tensor, first: int, count: int | tf.Tensor) -> tf.Tensor:
    """The latents of images `first` to `first + count` of a seed: `[count, noise_dim]`."""
    return Draws(seed, 0, first, count).normal("generate", recipe.noise_dim)


def sample_batches(trained: Trained, num: int, seed: int):
    """Yields uint8 images `[N, height, width, channels]`, `num` in all."""

    @tf.function(input_signature=[tf.TensorSpec([SAMPLING_BATCH, trained.recipe.noise_dim])])
    def sample(noise: tf.Tensor) -> tf.Tensor:
        return trained.generator(noise, training=False)

    for first in range(0, num, SAMPLING_BATCH):
        images = sample(latents(trained.recipe, seed, first, SAMPLING_BATCH)).numpy()
        yield pixels.to_bytes(images[: num - first])
