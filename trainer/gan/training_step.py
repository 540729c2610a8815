"""The training step: the updates of generator and discriminator.

Functions over a FashionGAN, in a replica's context.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from trainer.configuration.config import Recipe
from trainer.gan import path_length, step_gradients
from trainer.gan.compilation import Compiler
from trainer.gan.fakes import encoded_images
from trainer.gan.fakes import fakes as fakes_of
from trainer.gan.optimizers import Optimizer
from trainer.gan.recognition import recognition
from trainer.gan.reconstruction import reconstruction
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
LABELS_METRICS = ("loss/labels",)  # after the others, where the discriminator classifies
# What augmentation adapts by, and to: likewise.
ADAPTIVE_METRICS = ("augmentation/mean_sign", "augmentation/probability")
PATH_METRICS = ("path_length/mean",)  # likewise, at the end
COMPLETION_METRICS = ("completion/error", "completion/spread")  # likewise
RECOGNITION_METRICS = ("loss/recognition",)  # likewise

Batch = tuple[tf.Tensor, tf.Tensor]  # images [rows, height, width, channels], int32 labels [rows]


def metric_names(recipe: Recipe) -> tuple[str, ...]:
    """The metrics of a step."""
    objective = recipe.objective
    of_labels = LABELS_METRICS if objective.classification else ()
    adaptive = ADAPTIVE_METRICS if objective.augments_adaptively else ()
    of_generator = PATH_METRICS if objective.path_length else ()
    of_completions = COMPLETION_METRICS if recipe.completion.reconstruction else ()
    told = RECOGNITION_METRICS if recipe.completion.recognition else ()
    return (*METRICS, *of_labels, *adaptive, *of_generator, *of_completions, *told)


def simultaneous(
    gan: FashionGAN, batches: list[Batch], rng: BatchRng, compiled: Compiler
) -> tf.Tensor:
    """Updates both networks with the same fakes.

    Args:
      gan: the state.
      batches: one, this replica's rows of the global batch.
      rng: the random numbers of those rows.
      compiled: what becomes of the parts between all-reduces.

    Returns:
      float32: the metrics of the global batch, in the order of `metric_names`, equal on all
      replicas.
    """
    ((images, labels),) = batches

    def gradients() -> tuple[list[tf.Tensor], StepGradients, tf.Tensor]:
        tape, fakes, losses, measured = _generated(gan, images, labels, rng, "")
        examples = Examples(images, fakes, labels, "", gan.step)
        by_discriminator = compiled(
            lambda: step_gradients.compute(gan, examples, rng), gan.discriminator
        )()
        by_weights = _generator_gradients(gan, tape, fakes, by_discriminator.fakes, losses)
        metrics = tf.concat([by_discriminator.metrics[:1], measured], axis=0)
        if gan.path_mean is not None:
            of_paths, length = path_length.gradients(gan, gan.path_mean, labels, rng)
            by_weights = [sum(both) for both in zip(by_weights, of_paths, strict=True)]
            metrics = tf.stack([metrics[0], length])
        return by_weights, by_discriminator, metrics

    of_generator, found, metrics = compiled(gradients, gan.generator, gan.discriminator)()
    generator_metrics = _update_generator(gan, of_generator, metrics, compiled)
    discriminator_metrics = _update_discriminator(gan, found, gan.step, compiled)
    return _in_metrics_order(generator_metrics, discriminator_metrics)


def alternating(
    gan: FashionGAN, batches: list[Batch], rng: BatchRng, compiled: Compiler
) -> tf.Tensor:
    """Updates the discriminator once a batch, then the generator against the updated one.

    Arguments and result as those of `simultaneous`; means over the discriminator's updates.
    """
    networks = (gan.generator, gan.discriminator)
    discriminator_metrics = []
    for index, (images, labels) in enumerate(batches):
        update_number = gan.step * len(batches) + index

        def of_discriminator(
            images: tf.Tensor, labels: tf.Tensor, number: tf.Tensor, stream: str
        ) -> StepGradients:
            encoded = encoded_images(gan, images, rng, stream)
            fakes = fakes_of(gan, encoded, labels, rng, stream)
            return step_gradients.compute(gan, Examples(images, fakes, labels, stream, number), rng)

        found = compiled(functools.partial(of_discriminator, stream=f"critic{index}/"), *networks)(
            images, labels, update_number
        )
        discriminator_metrics.append(_update_discriminator(gan, found, update_number, compiled))
    images, labels = batches[-1]

    def of_generator() -> tuple[list[tf.Tensor], tf.Tensor]:
        tape, fakes, losses, measured = _generated(gan, images, labels, rng, "generator/")
        examples = Examples(images, fakes, labels, "generator/", gan.step)
        found = step_gradients.in_two_passes(gan, examples, rng)
        by_weights = _generator_gradients(gan, tape, fakes, found.fakes, losses)
        return by_weights, tf.concat([found.metrics[:1], measured], axis=0)

    by_weights, metrics = compiled(of_generator, *networks)()
    generator_metrics = _update_generator(gan, by_weights, metrics, compiled)
    means = tf.reduce_mean(tf.stack(discriminator_metrics), axis=0)
    return _in_metrics_order(generator_metrics, means)


def _generated(
    gan: FashionGAN, images: tf.Tensor, labels: tf.Tensor, rng: BatchRng, stream: str
) -> tuple[tf.GradientTape, tf.Tensor, list[tf.Tensor], list[tf.Tensor]]:
    """Fakes and the tape of them, and losses and metrics of completions, if they are any."""
    completion = gan.recipe.completion
    losses, metrics = [], []
    with tf.GradientTape() as tape:
        encoded = encoded_images(gan, images, rng, stream)
        fakes = fakes_of(gan, encoded, labels, rng, stream)
        if encoded is not None and completion.reconstruction:
            found = reconstruction(gan, fakes, encoded, images, labels, rng, stream)
            losses.append(found.loss)
            metrics += [found.error, found.spread]
        if encoded is not None and completion.recognition:
            losses.append(recognition(gan, encoded, images, labels, rng, stream))
            metrics.append(losses[-1])
    return tape, fakes, losses, metrics


def _generator_gradients(
    gan: FashionGAN,
    tape: tf.GradientTape,
    fakes: tf.Tensor,
    by_fakes: tf.Tensor,
    losses: list[tf.Tensor],
) -> list[tf.Tensor]:
    """Of the adversarial loss, by way of the fakes, and of other losses, if there are any."""
    of_targets = [by_fakes, *map(tf.ones_like, losses)]
    return step_gradients.weight_gradients(tape, [fakes, *losses], gan.generator, of_targets)


Update = Callable[[FashionGAN, list[Batch], BatchRng, Compiler], tf.Tensor]
UPDATES: dict[str, Update] = {
    "simultaneous": simultaneous,
    "alternating": alternating,
}


def _update_generator(
    gan: FashionGAN, gradients: list[tf.Tensor], metrics: tf.Tensor, compiled: Compiler
) -> tf.Tensor:
    """Returns its metrics: loss, gradient's norm, those of path lengths or of completions."""
    optimizer = gan.generator_optimizer
    sums = _apply(optimizer, gradients, metrics, gan.step, compiled, gan.update_ema)
    if gan.path_mean is None:
        loss, of_completions, norm = tf.split(sums, [1, -1, 1])
        return tf.concat([loss, norm, of_completions], axis=0)
    loss, length, norm = tf.unstack(sums)
    path_length.follow(gan.path_mean, length, gan.step)
    return tf.stack([loss, norm, gan.path_mean.read_value()])


def _update_discriminator(
    gan: FashionGAN, gradients: StepGradients, update_number: tf.Tensor, compiled: Compiler
) -> tf.Tensor:
    """Returns all other metrics: four, the discriminator's gradient's norm, and further ones."""
    optimizer = gan.discriminator_optimizer
    sums = _apply(
        optimizer, gradients.discriminator, gradients.metrics[1:], update_number, compiled
    )
    gan.constrain_discriminator()
    first, further, norm = tf.split(sums, [4, -1, 1])
    if gan.augmentation is None:
        return tf.concat([first, norm, further], axis=0)
    further, signs = tf.split(further, [-1, 1])
    probability = gan.augmentation.adjust(signs[0], update_number)
    adaptive = [signs / gan.recipe.batch_size, probability[tf.newaxis]]
    return tf.concat([first, norm, further, *adaptive], axis=0)


def _in_metrics_order(generator_metrics: tf.Tensor, discriminator_metrics: tf.Tensor) -> tf.Tensor:
    """One vector, in the order of `metric_names`."""
    loss, norm, others = tf.split(generator_metrics, [1, 1, -1])
    of_both = [loss, discriminator_metrics[:4], norm, discriminator_metrics[4:], others]
    return tf.concat(of_both, axis=0)


def _apply(
    optimizer: Optimizer,
    gradients: list[tf.Tensor],
    metrics: tf.Tensor,
    update_number: tf.Tensor,
    compiled: Compiler,
    afterwards: Callable[[], None] = lambda: None,
) -> tf.Tensor:
    """Sums gradients and metrics over the replicas, and updates a network by the gradients.

    In one all-reduce: between processes, each message costs a millisecond.

    Returns:
      float32 `[len(metrics) + 1]`: the sums, and the global gradient's norm.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync > 1:
        *gradients, metrics = context.all_reduce(tf.distribute.ReduceOp.SUM, [*gradients, metrics])

    def update(*gradients: tf.Tensor) -> tf.Tensor:
        optimizer.apply(gradients, update_number)
        afterwards()
        return tf.linalg.global_norm(gradients)

    return tf.concat([metrics, [compiled(update)(*gradients)]], axis=0)
