"""Path length regularisation: a step in a style changes the images by about the same everywhere.

(Karras et al. 2019, arXiv:1912.04958.) Lazily, in every few updates, weighed accordingly.
"""

from __future__ import annotations

import math

import tensorflow as tf

from trainer.gan import step_gradients
from trainer.gan.fakes import latents_of
from trainer.gan.replica_variables import assign
from trainer.gan.state import FashionGAN
from trainer.models import image_noise
from trainer.randomness import BatchRng

INTERVAL = 8  # generator updates: half of the paper's, which takes half of a batch
DECAY = 0.01  # of the mean length, an update that is penalised


def update_mean(mean: tf.Variable, batch_mean: tf.Tensor, step: tf.Tensor) -> None:
    """Moves this replica's copy of the mean length, which each is pulled to.

    Args:
      mean: float32 `[]`.
      batch_mean: of the global batch, float32 `[]`; without meaning in updates without penalty.
      step: of the generator's update.
    """
    old = mean.read_value()
    value = tf.where(step % INTERVAL == 0, old + DECAY * (batch_mean - old), old)
    assign(mean, value)


def gradients(
    gan: FashionGAN, mean: tf.Variable, labels: tf.Tensor, rng: BatchRng
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The penalty's gradients by the generator's weights, and the mean length: a replica's share.

    Zeros in updates without penalty.

    Args:
      gan: the state.
      mean: what lengths are pulled to, float32 `[]`.
      labels: int32 `[rows, attributes]`.
      rng: the random numbers of those rows.

    Returns:
      Gradients in the order of the generator's weights; the sum of lengths divided by the global
      batch, float32 `[]`.
    """
    zeros = [tf.zeros_like(weight.value) for weight in gan.generator.trainable_variables]
    return tf.cond(
        gan.step % INTERVAL == 0,
        lambda: _gradients(gan, mean, labels, rng),
        lambda: (zeros, tf.constant(0.0)),
    )


def _gradients(
    gan: FashionGAN, mean: tf.Variable, labels: tf.Tensor, rng: BatchRng
) -> tuple[list[tf.Tensor], tf.Tensor]:
    share = 1.0 / gan.recipe.batch_size
    with tf.GradientTape() as tape:
        lengths = path_lengths(gan, labels, rng)
        penalty = tf.reduce_sum(tf.square(lengths - mean.read_value()))
        total = penalty * (gan.recipe.objective.path_length * INTERVAL * share)
    found = step_gradients.weight_gradients(tape, total, gan.generator)
    return found, tf.reduce_sum(lengths) * share


def path_lengths(gan: FashionGAN, labels: tf.Tensor, rng: BatchRng) -> tf.Tensor:
    """How far images move along a random direction as styles do: float32 `[rows]`."""
    styles = gan.styles(latents_of(gan, rng, "path/"), labels)
    noise = image_noise.drawn(gan.active.generator, rng, "path/")
    with tf.GradientTape() as tape:
        tape.watch(styles)
        images = gan.synthesise(styles, noise, penalised=True)
        _, *shape = images.shape
        direction = tf.reshape(rng.normal("path/direction", math.prod(shape)), [-1, *shape])
        projected = tf.reduce_sum(images * direction) / math.sqrt(math.prod(shape[:2]))
    by_styles = tape.gradient(projected, styles)
    return tf.sqrt(tf.reduce_mean(tf.reduce_sum(tf.square(by_styles), axis=2), axis=1) + 1e-12)
