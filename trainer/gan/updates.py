"""The training step: how generator and discriminator learn from one another.

Functions over a FashionGAN, in a replica's context.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from trainer.gan import step_gradients
from trainer.gan.fashion_gan import FashionGAN
from trainer.gan.optimizers import Optimizer
from trainer.gan.step_gradients import Round, Verdict
from trainer.randomness import Draws

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
      float32 `[len(METRICS)]`: the metrics of the global batch, equal on all replicas.
    """
    ((images, labels),) = batches
    with tf.GradientTape() as tape:
        fakes = _fakes(gan, labels, draws, "")
    verdict = step_gradients.judge(gan, Round(images, fakes, labels, "", gan.step), draws)
    gradients = step_gradients.gradients_by(tape, fakes, gan.generator, verdict.lesson)
    of_generator = _update_generator(gan, gradients, verdict)
    return _in_order(of_generator, _update_discriminator(gan, verdict, gan.step))


def alternating(gan: FashionGAN, batches: list[Batch], draws: Draws) -> tf.Tensor:
    """Updates the discriminator once a batch, then the generator against the updated one.

    Arguments and result as those of `simultaneous`; means over the discriminator's updates.
    """
    rounds = []
    for turn, (images, labels) in enumerate(batches):
        name = f"critic{turn}/"
        number = gan.step * len(batches) + turn
        fakes = _fakes(gan, labels, draws, name)
        verdict = step_gradients.judge(gan, Round(images, fakes, labels, name, number), draws)
        rounds.append(_update_discriminator(gan, verdict, number))
    images, labels = batches[-1]
    with tf.GradientTape() as tape:
        fakes = _fakes(gan, labels, draws, "generator/")
    verdict = step_gradients.apart(gan, Round(images, fakes, labels, "generator/", gan.step), draws)
    gradients = step_gradients.gradients_by(tape, fakes, gan.generator, verdict.lesson)
    of_generator = _update_generator(gan, gradients, verdict)
    return _in_order(of_generator, tf.reduce_mean(tf.stack(rounds), axis=0))


UPDATES: dict[str, Callable[[FashionGAN, list[Batch], Draws], tf.Tensor]] = {
    "simultaneous": simultaneous,
    "alternating": alternating,
}


def _fakes(gan: FashionGAN, labels: tf.Tensor, draws: Draws, name: str) -> tf.Tensor:
    return gan.generate(draws.normal(f"{name}latents", gan.recipe.networks.noise_dim), labels)


def _update_generator(gan: FashionGAN, gradients: list[tf.Tensor], verdict: Verdict) -> tf.Tensor:
    """Gives the generator's metrics: its loss, and its gradient's norm."""
    metrics = _apply(gan.generator_optimizer, gradients, verdict.metrics[:1], gan.step)
    gan.follow_generator()
    return metrics


def _update_discriminator(gan: FashionGAN, verdict: Verdict, number: tf.Tensor) -> tf.Tensor:
    """Gives all other metrics, its gradient's norm last."""
    optimizer = gan.discriminator_optimizer
    metrics = _apply(optimizer, verdict.gradients, verdict.metrics[1:], number)
    gan.follow_discriminator()
    return metrics


def _in_order(of_generator: tf.Tensor, of_discriminator: tf.Tensor) -> tf.Tensor:
    """As METRICS has them."""
    loss, norm = tf.split(of_generator, 2)
    others, other_norm = of_discriminator[:-1], of_discriminator[-1:]
    return tf.concat([loss, others, norm, other_norm], axis=0)


def _apply(
    optimizer: Optimizer, gradients: list[tf.Tensor], shares: tf.Tensor, number: tf.Tensor
) -> tf.Tensor:
    """Updates a network by this replica's shares of its gradients, and sums those of the metrics.

    They travel together: between processes, each message costs a millisecond.

    Returns:
      float32 `[len(shares) + 1]`: the sums, and the global gradient's norm.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync > 1:
        *gradients, shares = context.all_reduce(tf.distribute.ReduceOp.SUM, [*gradients, shares])
    optimizer.apply(gradients, number)
    return tf.concat([shares, [tf.linalg.global_norm(gradients)]], axis=0)
