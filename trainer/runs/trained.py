"""The networks of a run, read back from a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from trainer.configuration import config
from trainer.configuration.config import Recipe
from trainer.data import pixels
from trainer.gan.fashion_gan import build_networks
from trainer.models import ARCHITECTURES, spectral
from trainer.models.conditioning import inputs_of
from trainer.randomness import Draws
from trainer.runs import checkpoints
from trainer.runs.checkpoints import Tensors
from trainer.system.exits import RefusedError

FILES = ("config.json", "checkpoints")  # of a run, that its networks are read from
# Fixed, so that the bits of an image do not depend on how many are asked for.
SAMPLING_BATCH = 128


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
    def lowest(self) -> float:
        """Value of a black pixel."""
        return ARCHITECTURES[self.recipe.networks.architecture].lowest

    def generate(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Images from latents `[N, noise_dim]` and, for a conditional generator, labels `[N]`."""
        return self.generator(inputs_of(self.generator, latents, labels), training=False)


def load(job_dir: Path, checkpoint: str) -> Trained:
    """Reads the networks of a run.

    Args:
      job_dir: the run directory.
      checkpoint: `latest`, `best`, a step, or a path without suffix.

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
    step = tf.Variable(0, dtype=tf.int64)
    checkpoints.assign({**state, "training": {"step": step}}, tensors, source)
    if recipe.ema_half_life:
        averaged = {"average": state["generator"]}
        checkpoints.assign(averaged, tensors, source)
    if recipe.networks.spectral_norm:
        _normalise(discriminator, tensors, source)
    return Trained(recipe, generator, discriminator, int(step), source)


def _normalise(discriminator: keras.Model, tensors: Tensors, source: str) -> None:
    kernels = spectral.kernels(discriminator)
    vectors = {kernel.path: tf.Variable(tf.zeros(kernel.shape[-1:])) for kernel in kernels}
    checkpoints.assign({"singular": vectors}, tensors, source)
    for kernel in kernels:
        kernel.assign(spectral.normalise(kernel.value, vectors[kernel.path]))


def latents(
    recipe: Recipe,
    seed: int | tf.Tensor,
    first: int,
    count: int | tf.Tensor,
    truncation: float | None = None,
) -> tf.Tensor:
    """The latents of images `first` to `first + count` of a seed: `[count, noise_dim]`.

    Truncated ones are those of a normal distribution cut at so many standard deviations (Brock
    et al. 2018, arXiv:1809.11096), each at the quantile of the one that it would have been.
    """
    normal = Draws(seed, 0, first, count).normal("generate", recipe.networks.noise_dim)
    if truncation is None:
        return normal
    inside = tf.math.erf(tf.constant(truncation / math.sqrt(2), tf.float64))
    centred = inside * tf.math.erf(tf.cast(normal, tf.float64) / math.sqrt(2))
    return tf.cast(math.sqrt(2) * tf.math.erfinv(centred), tf.float32)


def label_cycle(recipe: Recipe, names: Sequence[str] = ()) -> list[int]:
    """The labels that images get by turns.

    Args:
      recipe: a run's.
      names: classes by name or number; none: all of them.

    Raises:
      RefusedError: a class is unknown, or the run has none.
    """
    known = recipe.data.class_names if recipe.networks.conditional else ()
    if names and not known:
        raise RefusedError(f"--labels={','.join(names)}: this run is not conditional, leave it out")
    return [_label(name, known) for name in names] or list(range(len(known))) or [0]


def _label(name: str, known: Sequence[str]) -> int:
    """A class's number: by its name, else by its name in other letters, else by its number."""
    if name in known:
        return known.index(name)
    folded = [kind.casefold() for kind in known]
    if folded.count(name.casefold()) == 1:
        return folded.index(name.casefold())
    if name.isdecimal() and int(name) < len(known):
        return int(name)
    there = ", ".join(f"{number} {kind}" for number, kind in enumerate(known))
    raise RefusedError(f"--labels names {name!r}, which is no class; there are {there}")


def labels_of(cycle: Sequence[int], first: int, count: int | tf.Tensor) -> tf.Tensor:
    """The labels of images `first` to `first + count`: int32 `[count]`."""
    return tf.gather(tf.constant(cycle, tf.int32), (tf.range(count) + first) % len(cycle))


def sample_batches(
    draw: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    recipe: Recipe,
    num: int,
    seed: int,
    cycle: Sequence[int],
    truncation: float | None = None,
) -> Iterator[np.ndarray]:
    """Draws images in batches of one size, by turns of the labels.

    Args:
      draw: a graph that makes images of latents and labels.
      recipe: what it was trained by.
      num: images in all.
      seed: decides the latents.
      cycle: what `label_cycle` gives.
      truncation: of the latents.

    Yields:
      uint8 `[N, height, width, channels]`.
    """
    lowest = ARCHITECTURES[recipe.networks.architecture].lowest
    for first in range(0, num, SAMPLING_BATCH):
        noise = latents(recipe, seed, first, SAMPLING_BATCH, truncation)
        images = draw(noise, labels_of(cycle, first, SAMPLING_BATCH)).numpy()
        yield pixels.to_bytes(images[: num - first], lowest)
