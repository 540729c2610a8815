"""The training step: how generator and discriminator learn from one another.

Functions over a FashionGAN, in a replica's context. Losses are sums over the replica's rows,
divided by the global batch, so that their sums over the replicas are means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from trainer import annealing, losses
from trainer.augment import augment
from trainer.gan import FashionGAN
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


class Round(NamedTuple):
    """What the discriminator is shown."""

    images: tf.Tensor  # [rows, height, width, channels]
    fakes: tf.Tensor  # of the same shape
    labels: tf.Tensor  # int32 [rows]: of the images, and given to the generator
    name: str  # of the draws of this round
    number: tf.Tensor  # of the discriminator's update


class Verdict(NamedTuple):
    """What both networks learn from a round."""

    metrics: tf.Tensor  # [5], the first of METRICS, this replica's share
    gradients: list[tf.Tensor]  # of the discriminator's loss and penalty by its weights
    lesson: tf.Tensor  # gradient of the generator's loss by the fakes


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
    verdict = _judge(gan, Round(images, fakes, labels, "", gan.step), draws)
    gradients = _gradients(tape, fakes, gan.generator, verdict.lesson)
    norms = [_update_generator(gan, gradients), _update_discriminator(gan, verdict.gradients)]
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
        verdict = _judge(gan, Round(images, fakes, labels, name, number), draws)
        norm = _update_discriminator(gan, verdict.gradients)
        rounds.append(tf.concat([verdict.metrics, [norm]], axis=0))
    images, labels = batches[-1]
    with tf.GradientTape() as tape:
        fakes = _fakes(gan, labels, draws, "generator/")
    verdict = _judge_plainly(gan, Round(images, fakes, labels, "generator/", gan.step), draws)
    norm = _update_generator(gan, _gradients(tape, fakes, gan.generator, verdict.lesson))
    _, *of_critic, critic_norm = tf.unstack(tf.reduce_mean(tf.stack(rounds), axis=0))
    return tf.stack([verdict.metrics[0], *of_critic, norm, critic_norm])


UPDATES: dict[str, Callable[[FashionGAN, list[Batch], Draws], tf.Tensor]] = {
    "simultaneous": simultaneous,
    "alternating": alternating,
}


def _fakes(gan: FashionGAN, labels: tf.Tensor, draws: Draws, name: str) -> tf.Tensor:
    return gan.generate(draws.normal(f"{name}latents", gan.recipe.networks.noise_dim), labels)


def _judge(gan: FashionGAN, shown: Round, draws: Draws) -> Verdict:
    """The verdict, penalised where that is due."""
    objective = gan.recipe.objective
    if not objective.penalised:
        return _judge_plainly(gan, shown, draws)
    judge = _judge_centred_at_one if objective.gradient_penalty else _judge_centred_at_zero
    if objective.penalty_interval == 1:
        return judge(gan, shown, draws)
    return tf.cond(
        shown.number % objective.penalty_interval == 0,
        lambda: judge(gan, shown, draws),
        lambda: _judge_plainly(gan, shown, draws),
    )


def _judge_plainly(gan: FashionGAN, shown: Round, draws: Draws) -> Verdict:
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(shown.fakes)
        real, fake = _augmented(gan, shown, draws)
        real_logits = gan.score(real, shown.labels, draws, f"{shown.name}real")
        fake_logits = gan.score(fake, shown.labels, draws, f"{shown.name}fake")
        generator_loss, discriminator_loss = _losses(gan, shown, draws, real_logits, fake_logits)
    gradients = _gradients(tape, discriminator_loss, gan.discriminator)
    metrics = _metrics(gan, generator_loss, discriminator_loss, 0.0, real_logits, fake_logits)
    return Verdict(metrics, gradients, tape.gradient(generator_loss, shown.fakes))


def _judge_centred_at_zero(gan: FashionGAN, shown: Round, draws: Draws) -> Verdict:
    """With R1 and R2. Slopes of logits by images serve the penalties and the generator alike."""
    objective = gan.recipe.objective
    share = 1.0 / gan.recipe.batch_size
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(shown.fakes)
        real, fake = _augmented(gan, shown, draws)
        both = tf.concat([real, fake], axis=0)
        with tf.GradientTape() as inner:
            inner.watch(both)
            names = (f"{shown.name}real", f"{shown.name}fake")
            logits = gan.score(both, tf.tile(shown.labels, [2]), draws, *names)
        slopes = inner.gradient(logits, both)
        real_logits, fake_logits = tf.split(logits, 2)
        generator_loss, discriminator_loss = _losses(gan, shown, draws, real_logits, fake_logits)
        on_real, on_fake = tf.split(losses.zero_centred_penalty(slopes), 2)
        penalties = objective.r1 * on_real + objective.r2 * on_fake
        penalty = tf.reduce_sum(penalties) * share * _penalty_weight(gan)
        total = discriminator_loss + penalty
    gradients = _gradients(tape, total, gan.discriminator)
    # A logit is of its own image alone, so the chain rule gives the generator's gradient without
    # another pass through the discriminator.
    by_logit = tape.gradient(generator_loss, fake_logits)[:, :, tf.newaxis, tf.newaxis]
    lesson = tape.gradient(fake, shown.fakes, output_gradients=by_logit * tf.split(slopes, 2)[1])
    metrics = _metrics(gan, generator_loss, discriminator_loss, penalty, real_logits, fake_logits)
    return Verdict(metrics, gradients, lesson)


def _judge_centred_at_one(gan: FashionGAN, shown: Round, draws: Draws) -> Verdict:
    """With the gradient penalty, at uniformly drawn places between real and fake images."""
    share = 1.0 / gan.recipe.batch_size
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(shown.fakes)
        real, fake = _augmented(gan, shown, draws)
        real_logits = gan.score(real, shown.labels, draws, f"{shown.name}real")
        fake_logits = gan.score(fake, shown.labels, draws, f"{shown.name}fake")
        generator_loss, discriminator_loss = _losses(gan, shown, draws, real_logits, fake_logits)
        alpha = draws.uniform(f"{shown.name}alpha", 1)[:, :, tf.newaxis, tf.newaxis]
        between = tf.stop_gradient(real + alpha * (fake - real))
        with tf.GradientTape() as inner:
            inner.watch(between)
            logits = gan.score(between, shown.labels, draws, f"{shown.name}between")
        penalties = losses.one_centred_penalty(inner.gradient(logits, between))
        weight = gan.recipe.objective.gradient_penalty * _penalty_weight(gan)
        penalty = tf.reduce_sum(penalties) * share * weight
        total = discriminator_loss + penalty
    gradients = _gradients(tape, total, gan.discriminator)
    metrics = _metrics(gan, generator_loss, discriminator_loss, penalty, real_logits, fake_logits)
    return Verdict(metrics, gradients, tape.gradient(generator_loss, shown.fakes))


def _augmented(gan: FashionGAN, shown: Round, draws: Draws) -> tuple[tf.Tensor, tf.Tensor]:
    names = gan.recipe.objective.augment
    real = augment(names, shown.images, gan.lowest, draws, f"{shown.name}real")
    return real, augment(names, shown.fakes, gan.lowest, draws, f"{shown.name}fake")


def _losses(
    gan: FashionGAN, shown: Round, draws: Draws, real_logits: tf.Tensor, fake_logits: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The generator's and the discriminator's, without penalty."""
    share = 1.0 / gan.recipe.batch_size
    loss = losses.LOSSES[gan.recipe.objective.loss]
    targets = []
    if noise := gan.recipe.objective.label_noise:
        targets = [
            1 - noise * draws.uniform(f"{shown.name}real/target", 1),
            noise * draws.uniform(f"{shown.name}fake/target", 1),
        ]
    return (
        tf.reduce_sum(loss.generator(real_logits, fake_logits)) * share,
        tf.reduce_sum(loss.discriminator(real_logits, fake_logits, *targets)) * share,
    )


def _penalty_weight(gan: FashionGAN) -> tf.Tensor:
    """The share of the penalty in force, larger where penalties are rare."""
    objective = gan.recipe.objective
    progress = tf.cast(gan.step, tf.float32) / gan.horizon
    left = annealing.factor(objective.penalty_schedule, objective.penalty_final_factor, progress)
    return left * objective.penalty_interval


def _metrics(
    gan: FashionGAN,
    generator_loss: tf.Tensor,
    discriminator_loss: tf.Tensor,
    penalty: tf.Tensor | float,
    real_logits: tf.Tensor,
    fake_logits: tf.Tensor,
) -> tf.Tensor:
    share = 1.0 / gan.recipe.batch_size
    scores = [tf.reduce_sum(tf.sigmoid(logits)) * share for logits in (real_logits, fake_logits)]
    return tf.stack([generator_loss, discriminator_loss, penalty, *scores])


def _gradients(
    tape: tf.GradientTape,
    target: tf.Tensor,
    network: keras.Model,
    output_gradients: tf.Tensor | None = None,
) -> list[tf.Tensor]:
    variables = [variable.value for variable in network.trainable_variables]
    return tape.gradient(
        target,
        variables,
        output_gradients,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )


def _update_generator(gan: FashionGAN, gradients: list[tf.Tensor]) -> tf.Tensor:
    norm = _apply(gan.generator_optimizer, gan.generator, gradients)
    gan.follow_generator()
    return norm


def _update_discriminator(gan: FashionGAN, gradients: list[tf.Tensor]) -> tf.Tensor:
    norm = _apply(gan.discriminator_optimizer, gan.discriminator, gradients)
    gan.follow_discriminator()
    return norm


def _apply(
    optimizer: keras.Optimizer, network: keras.Model, gradients: list[tf.Tensor]
) -> tf.Tensor:
    """Updates the network; returns this replica's share of the global gradient's norm."""
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    if replicas > 1:
        # The optimizer will sum over replicas too. Summing here as well costs a second all-reduce;
        # the norm of the global gradient cannot be had without the global gradient.
        summed = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        gradients = [gradient / replicas for gradient in summed]
    else:
        summed = gradients
    optimizer.apply(gradients, network.trainable_variables)
    return tf.linalg.global_norm(summed) / replicas
