"""What the networks are to learn from real images and fakes: the discriminator's verdict.

Functions over a FashionGAN, in a replica's context. Losses are sums over the replica's rows,
divided by the global batch, so that their sums over the replicas are means.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf

from trainer.gan import losses, schedules
from trainer.gan.augmentation import augment
from trainer.gan.fashion_gan import FashionGAN
from trainer.randomness import Draws

# A discriminator's slope at a fake is divided by: so small a push no sum in float32 notices.
LEAST = 1e-20


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


def judge(gan: FashionGAN, shown: Round, draws: Draws) -> Verdict:
    """The verdict, penalised where that is due."""
    objective = gan.recipe.objective
    if not objective.penalised:
        return _plainly(gan, shown, draws)
    penalised = _centred_at_one if objective.gradient_penalty else _centred_at_zero
    if objective.penalty_interval == 1:
        return penalised(gan, shown, draws)
    return tf.cond(
        shown.number % objective.penalty_interval == 0,
        lambda: penalised(gan, shown, draws),
        lambda: _plainly(gan, shown, draws),
    )


def _plainly(gan: FashionGAN, shown: Round, draws: Draws) -> Verdict:
    """Without penalty; in one pass over all images, where that gives the lesson, too."""
    objective = gan.recipe.objective
    shares = losses.LOSSES[objective.loss].never_rests and not objective.label_noise
    return (_together if shares else apart)(gan, shown, draws)


def _together(gan: FashionGAN, shown: Round, draws: Draws) -> Verdict:
    """The discriminator's gradients hold the generator's, but for a factor an example."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(shown.fakes)
        real, fake = _augmented(gan, shown, draws)
        both = tf.concat([real, fake], axis=0)
        names = (f"{shown.name}real", f"{shown.name}fake")
        logits = gan.score(both, tf.tile(shown.labels, [2]), draws, *names)
        real_logits, fake_logits = tf.split(logits, 2)
        generator_loss, discriminator_loss = _losses(gan, shown, draws, real_logits, fake_logits)
    on_real, on_fake = tape.gradient(discriminator_loss, [real_logits, fake_logits])
    on_fake = tf.maximum(on_fake, LEAST)
    weights = [variable.value for variable in gan.discriminator.trainable_variables]
    *gradients, slopes = tape.gradient(
        logits,
        [*weights, both],
        tf.concat([on_real, on_fake], axis=0),
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    factor = (tape.gradient(generator_loss, fake_logits) / on_fake)[:, :, tf.newaxis, tf.newaxis]
    lesson = tape.gradient(fake, shown.fakes, output_gradients=factor * tf.split(slopes, 2)[1])
    metrics = _metrics(gan, generator_loss, discriminator_loss, 0.0, real_logits, fake_logits)
    return Verdict(metrics, gradients, lesson)


def apart(gan: FashionGAN, shown: Round, draws: Draws) -> Verdict:
    """Without penalty; each part by itself, so that what is not asked for costs nothing."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(shown.fakes)
        real, fake = _augmented(gan, shown, draws)
        real_logits = gan.score(real, shown.labels, draws, f"{shown.name}real")
        fake_logits = gan.score(fake, shown.labels, draws, f"{shown.name}fake")
        generator_loss, discriminator_loss = _losses(gan, shown, draws, real_logits, fake_logits)
    gradients = gradients_by(tape, discriminator_loss, gan.discriminator)
    metrics = _metrics(gan, generator_loss, discriminator_loss, 0.0, real_logits, fake_logits)
    return Verdict(metrics, gradients, tape.gradient(generator_loss, shown.fakes))


def _centred_at_zero(gan: FashionGAN, shown: Round, draws: Draws) -> Verdict:
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
            logits = gan.score(both, tf.tile(shown.labels, [2]), draws, *names, penalised=True)
        slopes = inner.gradient(logits, both)
        real_logits, fake_logits = tf.split(logits, 2)
        generator_loss, discriminator_loss = _losses(gan, shown, draws, real_logits, fake_logits)
        on_real, on_fake = tf.split(losses.zero_centred_penalty(slopes), 2)
        penalties = objective.r1 * on_real + objective.r2 * on_fake
        penalty = tf.reduce_sum(penalties) * share * _penalty_weight(gan)
        total = discriminator_loss + penalty
    gradients = gradients_by(tape, total, gan.discriminator)
    # A logit is of its own image alone, so the chain rule gives the generator's gradient without
    # another pass through the discriminator.
    by_logit = tape.gradient(generator_loss, fake_logits)[:, :, tf.newaxis, tf.newaxis]
    lesson = tape.gradient(fake, shown.fakes, output_gradients=by_logit * tf.split(slopes, 2)[1])
    metrics = _metrics(gan, generator_loss, discriminator_loss, penalty, real_logits, fake_logits)
    return Verdict(metrics, gradients, lesson)


def _centred_at_one(gan: FashionGAN, shown: Round, draws: Draws) -> Verdict:
    """With the gradient penalty, at uniformly drawn places between real and fake images."""
    share = 1.0 / gan.recipe.batch_size
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(shown.fakes)
        real, fake = _augmented(gan, shown, draws)
        real_logits = gan.score(real, shown.labels, draws, f"{shown.name}real", penalised=True)
        fake_logits = gan.score(fake, shown.labels, draws, f"{shown.name}fake", penalised=True)
        generator_loss, discriminator_loss = _losses(gan, shown, draws, real_logits, fake_logits)
        alpha = draws.uniform(f"{shown.name}alpha", 1)[:, :, tf.newaxis, tf.newaxis]
        between = tf.stop_gradient(real + alpha * (fake - real))
        with tf.GradientTape() as inner:
            inner.watch(between)
            logits = gan.score(between, shown.labels, draws, f"{shown.name}between", penalised=True)
        penalties = losses.one_centred_penalty(inner.gradient(logits, between))
        weight = gan.recipe.objective.gradient_penalty * _penalty_weight(gan)
        penalty = tf.reduce_sum(penalties) * share * weight
        total = discriminator_loss + penalty
    gradients = gradients_by(tape, total, gan.discriminator)
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
    left = schedules.factor(objective.penalty_schedule, objective.penalty_final_factor, progress)
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


def gradients_by(
    tape: tf.GradientTape,
    target: tf.Tensor,
    network: keras.Model,
    output_gradients: tf.Tensor | None = None,
) -> list[tf.Tensor]:
    """The target's gradients by the network's weights, zeros where it depends on none."""
    variables = [variable.value for variable in network.trainable_variables]
    return tape.gradient(
        target,
        variables,
        output_gradients,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
