"""The training step: how generator and discriminator learn from one another.

Functions over a FashionGAN, in a replica's context.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from trainer import verdicts
from trainer.gan import FashionGAN
from trainer.optimizers import Optimizer
from trainer.randomness import Draws
from trainer.verdicts import Round

METRICS = (
    "loss/generator",
    "loss/discriminator",
    "loss/penalty",
    "score/real",
    "score/fake",
    "gradient_norm/generator",
    "gradient_norm/discriminator",
)

Batch = tuple[tf.Tensor, tf.Tensor]  # images [rows, height, width, channels], int32 labels [rows]


def simultaneous(gan: FashionGAN, batches: list[Batch], draws: Draws) -> tf.Tensor:
    """Updates both networks by the same fakes.

    Args:
      gan: the state.
      batches: one, this replica's rows of the global batch.
      draws: the random numbers of those rows.

    Returns:
      float32 `[len(METRICS)]`: summed over the replicas, the metrics of the global batch.
    """
    ((images, labels),) = batches
    with tf.GradientTape() as tape:
        fakes = _fakes(gan, labels, draws, "")
    verdict = verdicts.judge(gan, Round(images, fakes, labels, "", gan.step), draws)
    gradients = verdicts.gradients_by(tape, fakes, gan.generator, verdict.lesson)
    norms = [
        _update_generator(gan, gradients),
        _update_discriminator(gan, verdict.gradients, gan.step),
    ]
    return tf.concat([verdict.metrics, norms], axis=0)


def alternating(gan: FashionGAN, batches: list[Batch], draws: Draws) -> tf.Tensor:
    """Updates the discriminator once a batch, then the generator against the updated one.

    Arguments and result as those of `simultaneous`; means over the discriminator's updates.
    """
    rounds = []
    for turn, (images, labels) in enumerate(batches):
        name = f"critic{turn}/"
        number = gan.step * len(batches) + turn
        fakes = _fakes(gan, labels, draws, name)
        verdict = verdicts.judge(gan, Round(images, fakes, labels, name, number), draws)
        norm = _update_discriminator(gan, verdict.gradients, number)
        rounds.append(tf.concat([verdict.metrics, [norm]], axis=0))
    images, labels = batches[-1]
    with tf.GradientTape() as tape:
        fakes = _fakes(gan, labels, draws, "generator/")
    verdict = verdicts.apart(gan, Round(images, fakes, labels, "generator/", gan.step), draws)
    norm = _update_generator(gan, verdicts.gradients_by(tape, fakes, gan.generator, verdict.lesson))
    _, *of_critic, critic_norm = tf.unstack(tf.reduce_mean(tf.stack(rounds), axis=0))
    return tf.stack([verdict.metrics[0], *of_critic, norm, critic_norm])


UPDATES: dict[str, Callable[[FashionGAN, list[Batch], Draws], tf.Tensor]] = {
    "simultaneous": simultaneous,
    "alternating": alternating,
}


def _fakes(gan: FashionGAN, labels: tf.Tensor, draws: Draws, name: str) -> tf.Tensor:
    return gan.generate(draws.normal(f"{name}latents", gan.recipe.networks.noise_dim), labels)


def _update_generator(gan: FashionGAN, gradients: list[tf.Tensor]) -> tf.Tensor:
    norm = _apply(gan.generator_optimizer, gradients, gan.step)
    gan.follow_generator()
    return norm


def _update_discriminator(
    gan: FashionGAN, gradients: list[tf.Tensor], number: tf.Tensor
) -> tf.Tensor:
    norm = _apply(gan.discriminator_optimizer, gradients, number)
    gan.follow_discriminator()
    return norm


def _apply(optimizer: Optimizer, gradients: list[tf.Tensor], number: tf.Tensor) -> tf.Tensor:
    """Updates a network; returns this replica's share of the global gradient's norm."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync > 1:
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    optimizer.apply(gradients, number)
    return tf.linalg.global_norm(gradients) / context.num_replicas_in_sync
