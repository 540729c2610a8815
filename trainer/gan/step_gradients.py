"""The gradients of an update: of both networks' losses, from real images and fakes.

Functions over a FashionGAN, in a replica's context. Losses are sums over the replica's rows,
divided by the global batch, so that their sums over the replicas are means.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf

from trainer.gan import losses, penalties, schedules
from trainer.gan.augmentation import augment
from trainer.gan.state import FashionGAN
from trainer.randomness import BatchRng

# Lower bound of the gradients that are divided by: too small to change any sum in float32.
MIN_GRADIENT_DIVISOR = 1e-20


class UpdateInputs(NamedTuple):
    """What the discriminator is given in an update."""

    images: tf.Tensor  # real ones, [rows, height, width, channels]
    fakes: tf.Tensor  # of the same shape
    labels: tf.Tensor  # int32 [rows, attributes]: of the images, and given to the generator
    stream: str  # prefix of this update's random streams
    update_number: tf.Tensor  # of the discriminator's update, from zero


Metrics = dict[str, tf.Tensor]  # by name, float32 []
SIGNS = "signs"  # among them: of how real real images look, which augmentation adapts by


class StepGradients(NamedTuple):
    """An update's metrics and gradients: this replica's share of them."""

    generator_loss: tf.Tensor  # float32 []
    metrics: Metrics  # of the discriminator
    discriminator: list[tf.Tensor]  # gradients of its loss and penalty by its weights
    fakes: tf.Tensor  # gradient of the generator's loss by the fakes


class Losses(NamedTuple):
    """An update's losses without penalty, float32 []: this replica's share of them."""

    generator: tf.Tensor
    discriminator: tf.Tensor
    labels: tf.Tensor  # the discriminator's, too, as a classifier; zero where it is none


def compute(gan: FashionGAN, inputs: UpdateInputs, rng: BatchRng) -> StepGradients:
    """The gradients, with the penalty in every `penalty_interval`th update."""
    objective = gan.recipe.objective
    if not objective.penalised:
        return _without_penalty(gan, inputs, rng)
    penalised = _with_gradient_penalty if objective.gradient_penalty else _with_r1_r2
    if objective.penalty_interval == 1:
        return penalised(gan, inputs, rng)
    return tf.cond(
        inputs.update_number % objective.penalty_interval == 0,
        lambda: penalised(gan, inputs, rng),
        lambda: _without_penalty(gan, inputs, rng),
    )


def _without_penalty(gan: FashionGAN, inputs: UpdateInputs, rng: BatchRng) -> StepGradients:
    """In one pass where the discriminator's gradients give the generator's, else in two."""
    objective = gan.recipe.objective
    one_pass = losses.LOSSES[objective.loss].monotonic_in_fake_logits and not objective.label_noise
    return (_in_one_pass if one_pass else in_two_passes)(gan, inputs, rng)


def _in_one_pass(gan: FashionGAN, inputs: UpdateInputs, rng: BatchRng) -> StepGradients:
    """Without penalty; generator and discriminator gradients differ by a factor per example."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs.fakes)
        real, fake = _augmented(gan, inputs, rng)
        images = tf.concat([real, fake], axis=0)
        passes = (f"{inputs.stream}real", f"{inputs.stream}fake")
        logits, of_labels = gan.logits(images, tf.tile(inputs.labels, [2, 1]), rng, *passes)
        real_logits, fake_logits = tf.split(logits, 2)
        found = _losses(gan, inputs, rng, real_logits, fake_logits, of_labels)
    real_gradients, fake_gradients = tape.gradient(found.discriminator, [real_logits, fake_logits])
    fake_gradients = tf.maximum(fake_gradients, MIN_GRADIENT_DIVISOR)
    weights = [variable.value for variable in gan.discriminator.trainable_variables]
    *gradients, input_gradients = tape.gradient(
        [logits, found.labels],
        [*weights, images],
        [tf.concat([real_gradients, fake_gradients], axis=0), tf.ones_like(found.labels)],
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    scale = (tape.gradient(found.generator, fake_logits) / fake_gradients)[
        :, :, tf.newaxis, tf.newaxis
    ]
    fakes_gradient = tape.gradient(
        fake, inputs.fakes, output_gradients=scale * tf.split(input_gradients, 2)[1]
    )
    metrics = _metrics(gan, found, real_logits, fake_logits)
    return StepGradients(found.generator, metrics, gradients, fakes_gradient)


def in_two_passes(gan: FashionGAN, inputs: UpdateInputs, rng: BatchRng) -> StepGradients:
    """Without penalty; each gradient by itself, so that one that is not used costs nothing."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs.fakes)
        real, fake = _augmented(gan, inputs, rng)
        real_logits, of_labels = gan.logits(real, inputs.labels, rng, f"{inputs.stream}real")
        fake_logits, _ = gan.logits(fake, inputs.labels, rng, f"{inputs.stream}fake")
        found = _losses(gan, inputs, rng, real_logits, fake_logits, of_labels)
        total = found.discriminator + found.labels
    gradients = weight_gradients(tape, total, gan.discriminator)
    metrics = _metrics(gan, found, real_logits, fake_logits)
    by_fakes = tape.gradient(found.generator, inputs.fakes)
    return StepGradients(found.generator, metrics, gradients, by_fakes)


def _with_r1_r2(gan: FashionGAN, inputs: UpdateInputs, rng: BatchRng) -> StepGradients:
    """Input gradients serve the R1 and R2 penalties and the generator's gradients alike.

    They are taken at what the discriminator sees: at augmented images, where there are any, other
    than in the code of Karras et al. 2020, which differentiates through the augmentation.
    """
    objective = gan.recipe.objective
    share = 1.0 / gan.recipe.batch_size
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs.fakes)
        real, fake = _augmented(gan, inputs, rng)
        images = tf.concat([real, fake], axis=0)
        with tf.GradientTape() as inner:
            inner.watch(images)
            passes = (f"{inputs.stream}real", f"{inputs.stream}fake")
            labels = tf.tile(inputs.labels, [2, 1])
            logits, of_labels = gan.logits(images, labels, rng, *passes, penalised=True)
        input_gradients = inner.gradient(logits, images)
        real_logits, fake_logits = tf.split(logits, 2)
        found = _losses(gan, inputs, rng, real_logits, fake_logits, of_labels)
        r1, r2 = tf.split(penalties.zero_centred_penalty(input_gradients), 2)
        weighted = objective.r1 * r1 + objective.r2 * r2
        penalty = tf.reduce_sum(weighted) * share * _penalty_weight(gan)
        total = found.discriminator + found.labels + penalty
    gradients = weight_gradients(tape, total, gan.discriminator)
    # A logit depends on its own image alone, so the chain rule gives the generator's gradient
    # without another pass through the discriminator.
    scale = tape.gradient(found.generator, fake_logits)[:, :, tf.newaxis, tf.newaxis]
    fakes_gradient = tape.gradient(
        fake, inputs.fakes, output_gradients=scale * tf.split(input_gradients, 2)[1]
    )
    metrics = _metrics(gan, found, real_logits, fake_logits, penalty)
    return StepGradients(found.generator, metrics, gradients, fakes_gradient)


def _with_gradient_penalty(gan: FashionGAN, inputs: UpdateInputs, rng: BatchRng) -> StepGradients:
    """The penalty is taken at uniformly drawn points between real and fake images."""
    labels, stream = inputs.labels, inputs.stream
    share = 1.0 / gan.recipe.batch_size
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs.fakes)
        real, fake = _augmented(gan, inputs, rng)
        real_logits, of_labels = gan.logits(real, labels, rng, f"{stream}real", penalised=True)
        fake_logits, _ = gan.logits(fake, labels, rng, f"{stream}fake", penalised=True)
        found = _losses(gan, inputs, rng, real_logits, fake_logits, of_labels)
        alpha = rng.uniform(f"{stream}alpha", 1)[:, :, tf.newaxis, tf.newaxis]
        between = tf.stop_gradient(real + alpha * (fake - real))
        with tf.GradientTape() as inner:
            inner.watch(between)
            logits, _ = gan.logits(between, labels, rng, f"{stream}between", penalised=True)
        per_example = penalties.one_centred_penalty(inner.gradient(logits, between))
        weight = gan.recipe.objective.gradient_penalty * _penalty_weight(gan)
        penalty = tf.reduce_sum(per_example) * share * weight
        total = found.discriminator + found.labels + penalty
    gradients = weight_gradients(tape, total, gan.discriminator)
    metrics = _metrics(gan, found, real_logits, fake_logits, penalty)
    by_fakes = tape.gradient(found.generator, inputs.fakes)
    return StepGradients(found.generator, metrics, gradients, by_fakes)


def _augmented(gan: FashionGAN, inputs: UpdateInputs, rng: BatchRng) -> tuple[tf.Tensor, tf.Tensor]:
    names = gan.recipe.objective.augmentations
    probability = gan.augmentation.probability.read_value() if gan.augmentation else None
    both = {"real": inputs.images, "fake": inputs.fakes}
    real, fake = (
        augment(names, images, gan.pixel_min, rng, f"{inputs.stream}{name}", probability)
        for name, images in both.items()
    )
    return real, fake


def _losses(
    gan: FashionGAN,
    inputs: UpdateInputs,
    rng: BatchRng,
    real_logits: tf.Tensor,
    fake_logits: tf.Tensor,
    of_labels: tf.Tensor | None,
) -> Losses:
    """All of them.

    Args:
      gan: the state.
      inputs: the images.
      rng: of the targets.
      real_logits: `[rows, 1]`.
      fake_logits: `[rows, 1]`.
      of_labels: log-probabilities of the labels, `[.., 1]`, first those of the real images; None:
        nobody classifies.
    """
    share = 1.0 / gan.recipe.batch_size
    loss = losses.LOSSES[gan.recipe.objective.loss]
    targets = []
    if noise := gan.recipe.objective.label_noise:
        targets = [
            1 - noise * rng.uniform(f"{inputs.stream}real/target", 1),
            noise * rng.uniform(f"{inputs.stream}fake/target", 1),
        ]
    labels_loss = tf.constant(0.0)
    if of_labels is not None:
        # The generator has no such loss: where these probabilities are part of the logits, that
        # tells it enough (Chen et al. 2021, arXiv:2111.01035), elsewhere the projection does.
        of_real = of_labels[: tf.shape(real_logits)[0]]
        labels_loss = -gan.recipe.objective.classification * share * tf.reduce_sum(of_real)
    return Losses(
        tf.reduce_sum(loss.generator(real_logits, fake_logits)) * share,
        tf.reduce_sum(loss.discriminator(real_logits, fake_logits, *targets)) * share,
        labels_loss,
    )


def _penalty_weight(gan: FashionGAN) -> tf.Tensor:
    """The schedule's factor, times the interval, so that the mean over updates stays the same."""
    objective = gan.recipe.objective
    progress = tf.cast(gan.step, tf.float32) / gan.horizon
    factor = schedules.decay_factor(
        objective.penalty_schedule, objective.penalty_final_factor, progress
    )
    return factor * objective.penalty_interval


def _metrics(
    gan: FashionGAN,
    found: Losses,
    real_logits: tf.Tensor,
    fake_logits: tf.Tensor,
    penalty: tf.Tensor | None = None,
) -> Metrics:
    """The discriminator's, and what it says."""
    share = 1.0 / gan.recipe.batch_size
    metrics = {
        "loss/discriminator": found.discriminator,
        "loss/penalty": tf.constant(0.0) if penalty is None else penalty,
        "score/real": tf.reduce_sum(tf.sigmoid(real_logits)) * share,
        "score/fake": tf.reduce_sum(tf.sigmoid(fake_logits)) * share,
    }
    if gan.recipe.objective.classification:
        metrics["loss/labels"] = found.labels
    if gan.augmentation:
        realness = losses.LOSSES[gan.recipe.objective.loss].realness(real_logits, fake_logits)
        metrics[SIGNS] = tf.reduce_sum(tf.sign(realness))  # not its share: see `adjust`
    return metrics


def weight_gradients(
    tape: tf.GradientTape,
    target: tf.Tensor | list[tf.Tensor],
    network: keras.Model,
    output_gradients: tf.Tensor | list[tf.Tensor] | None = None,
) -> list[tf.Tensor]:
    """The gradients of a target, or of several in sum, by the network's weights.

    Zeros for weights that no target depends on.
    """
    variables = [variable.value for variable in network.trainable_variables]
    return tape.gradient(
        target,
        variables,
        output_gradients,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
