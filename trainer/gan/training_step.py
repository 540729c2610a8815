"""The training step: the updates of generator and discriminator.

Functions over a FashionGAN, in a replica's context.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from trainer.gan import step_gradients
from trainer.gan.optimizers import Optimizer
from trainer.gan.state import FashionGAN
from trainer.gan.step_gradients import Examples, StepGradients
from trainer.randomness import BatchRng

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


def simultaneous(gan: FashionGAN, batches: list[Batch], rng: BatchRng) -> tf.Tensor:
    """Updates both networks with the same fakes.

    Args:
      gan: the state.
      batches: one, this replica's rows of the global batch.
      rng: the random numbers of those rows.

    Returns:
      float32 `[len(METRICS)]`: the metrics of the global batch, equal on all replicas.
    """
    ((images, labels),) = batches
    with tf.GradientTape() as tape:
        fakes = _fakes(gan, labels, rng, "")
    gradients = step_gradients.compute(gan, Examples(images, fakes, labels, "", gan.step), rng)
    generator_metrics = _update_generator(gan, tape, fakes, gradients)
    return _in_metrics_order(generator_metrics, _update_discriminator(gan, gradients, gan.step))


def alternating(gan: FashionGAN, batches: list[Batch], rng: BatchRng) -> tf.Tensor:
    """Updates the discriminator once a batch, then the generator against the updated one.

    Arguments and result as those of `simultaneous`; means over the discriminator's updates.
    """
    discriminator_metrics = []
    for index, (images, labels) in enumerate(batches):
        stream = f"critic{index}/"
        update_number = gan.step * len(batches) + index
        fakes = _fakes(gan, labels, rng, stream)
        examples = Examples(images, fakes, labels, stream, update_number)
        gradients = step_gradients.compute(gan, examples, rng)
        discriminator_metrics.append(_update_discriminator(gan, gradients, update_number))
    images, labels = batches[-1]
    with tf.GradientTape() as tape:
        fakes = _fakes(gan, labels, rng, "generator/")
    examples = Examples(images, fakes, labels, "generator/", gan.step)
    gradients = step_gradients.in_two_passes(gan, examples, rng)
    generator_metrics = _update_generator(gan, tape, fakes, gradients)
    means = tf.reduce_mean(tf.stack(discriminator_metrics), axis=0)
    return _in_metrics_order(generator_metrics, means)


UPDATES: dict[str, Callable[[FashionGAN, list[Batch], BatchRng], tf.Tensor]] = {
    "simultaneous": simultaneous,
    "alternating": alternating,
}


def _fakes(gan: FashionGAN, labels: tf.Tensor, rng: BatchRng, stream: str) -> tf.Tensor:
    return gan.generate(rng.normal(f"{stream}latents", gan.recipe.networks.noise_dim), labels)


def _update_generator(
    gan: FashionGAN, tape: tf.GradientTape, fakes: tf.Tensor, gradients: StepGradients
) -> tf.Tensor:
    """Returns the generator's metrics: its loss, and its gradient's norm."""
    weight_gradients = step_gradients.weight_gradients(tape, fakes, gan.generator, gradients.fakes)
    metrics = _apply(gan.generator_optimizer, weight_gradients, gradients.metrics[:1], gan.step)
    gan.update_ema()
    return metrics


def _update_discriminator(
    gan: FashionGAN, gradients: StepGradients, update_number: tf.Tensor
) -> tf.Tensor:
    """Returns all other metrics, the discriminator's gradient's norm last."""
    optimizer = gan.discriminator_optimizer
    metrics = _apply(optimizer, gradients.discriminator, gradients.metrics[1:], update_number)
    gan.constrain_discriminator()
    return metrics


def _in_metrics_order(generator_metrics: tf.Tensor, discriminator_metrics: tf.Tensor) -> tf.Tensor:
    """One vector, in the order of METRICS."""
    loss, norm = tf.split(generator_metrics, 2)
    others, other_norm = discriminator_metrics[:-1], discriminator_metrics[-1:]
    return tf.concat([loss, others, norm, other_norm], axis=0)


def _apply(
    optimizer: Optimizer,
    gradients: list[tf.Tensor],
    metrics: tf.Tensor,
    update_number: tf.Tensor,
) -> tf.Tensor:
    """Sums gradients and metrics over the replicas, and updates a network by the gradients.

    In one all-reduce: between processes, each message costs a millisecond.

    Returns:
      float32 `[len(metrics) + 1]`: the sums, and the global gradient's norm.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync > 1:
        *gradients, metrics = context.all_reduce(tf.distribute.ReduceOp.SUM, [*gradients, metrics])
    optimizer.apply(gradients, update_number)
    return tf.concat([metrics, [tf.linalg.global_norm(gradients)]], axis=0)
