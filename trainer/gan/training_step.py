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
from trainer.gan.real_batches import Batch
from trainer.gan.recognition import recognition
from trainer.gan.reconstruction import reconstruction
from trainer.gan.state import FashionGAN
from trainer.gan.step_gradients import SIGNS, Metrics, StepGradients, UpdateInputs
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
LABELS_METRICS = ("loss/labels",)  # where the discriminator classifies
ADAPTIVE_METRICS = ("augmentation/mean_sign", "augmentation/probability")
PATH_METRICS = ("path_length/mean",)
COMPLETION_METRICS = ("completion/error", "completion/spread")
RECOGNITION_METRICS = ("loss/recognition",)


def metric_names(recipe: Recipe) -> tuple[str, ...]:
    """The metrics of a step, in the order of the vector that it returns."""
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

    def gradients() -> tuple[list[tf.Tensor], StepGradients, Metrics]:
        tape, fakes, losses, metrics = _generated(gan, images, labels, rng, "")
        examples = UpdateInputs(images, fakes, labels, "", gan.step)
        by_discriminator = compiled(
            lambda: step_gradients.compute(gan, examples, rng), gan.discriminator
        )()
        by_weights = _generator_gradients(gan, tape, fakes, by_discriminator.fakes, losses)
        if gan.path_mean is not None:
            of_paths, length = path_length.gradients(gan, gan.path_mean, labels, rng)
            by_weights = [sum(both) for both in zip(by_weights, of_paths, strict=True)]
            metrics |= {"path_length/mean": length}
        metrics |= {"loss/generator": by_discriminator.generator_loss}
        return by_weights, by_discriminator, metrics

    of_generator, found, metrics = compiled(gradients, gan.generator, gan.discriminator)()
    generator_metrics = _update_generator(gan, of_generator, metrics, compiled)
    discriminator_metrics = _update_discriminator(gan, found, gan.step, compiled)
    return _as_vector(gan, generator_metrics | discriminator_metrics)


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
            return step_gradients.compute(
                gan, UpdateInputs(images, fakes, labels, stream, number), rng
            )

        found = compiled(functools.partial(of_discriminator, stream=f"critic{index}/"), *networks)(
            images, labels, update_number
        )
        discriminator_metrics.append(_update_discriminator(gan, found, update_number, compiled))
    images, labels = batches[-1]

    def of_generator() -> tuple[list[tf.Tensor], Metrics]:
        tape, fakes, losses, metrics = _generated(gan, images, labels, rng, "generator/")
        examples = UpdateInputs(images, fakes, labels, "generator/", gan.step)
        found = step_gradients.in_two_passes(gan, examples, rng)
        by_weights = _generator_gradients(gan, tape, fakes, found.fakes, losses)
        return by_weights, metrics | {"loss/generator": found.generator_loss}

    by_weights, metrics = compiled(of_generator, *networks)()
    generator_metrics = _update_generator(gan, by_weights, metrics, compiled)
    means = {
        name: tf.reduce_mean(tf.stack([each[name] for each in discriminator_metrics]))
        for name in discriminator_metrics[0]
    }
    return _as_vector(gan, generator_metrics | means)


def _generated(
    gan: FashionGAN, images: tf.Tensor, labels: tf.Tensor, rng: BatchRng, stream: str
) -> tuple[tf.GradientTape, tf.Tensor, list[tf.Tensor], Metrics]:
    """Fakes and the tape of them, and losses and metrics of completions, if they are any."""
    completion = gan.recipe.completion
    losses: list[tf.Tensor] = []
    metrics: Metrics = {}
    with tf.GradientTape() as tape:
        encoded = encoded_images(gan, images, rng, stream)
        fakes = fakes_of(gan, encoded, labels, rng, stream)
        if encoded is not None and completion.reconstruction:
            found = reconstruction(gan, fakes, encoded, images, labels, rng, stream)
            losses.append(found.loss)
            metrics |= {"completion/error": found.error, "completion/spread": found.spread}
        if encoded is not None and completion.recognition:
            losses.append(recognition(gan, encoded, images, labels, rng, stream))
            metrics["loss/recognition"] = losses[-1]
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
    gan: FashionGAN, gradients: list[tf.Tensor], metrics: Metrics, compiled: Compiler
) -> Metrics:
    """Returns the metrics of the global batch, with the gradient's norm."""
    optimizer = gan.generator_optimizer
    found, norm = _apply(optimizer, gradients, metrics, gan.step, compiled, gan.update_ema)
    if gan.path_mean is not None:
        path_length.update_mean(gan.path_mean, found["path_length/mean"], gan.step)
        found = found | {"path_length/mean": gan.path_mean.read_value()}
    return found | {"gradient_norm/generator": norm}


def _update_discriminator(
    gan: FashionGAN, gradients: StepGradients, update_number: tf.Tensor, compiled: Compiler
) -> Metrics:
    """Likewise, and augmentation adapts."""
    by_weights, metrics = gradients.discriminator, gradients.metrics
    found, norm = _apply(gan.discriminator_optimizer, by_weights, metrics, update_number, compiled)
    gan.constrain_discriminator()
    if gan.augmentation is not None:
        signs = found[SIGNS]
        probability = gan.augmentation.adjust(signs, update_number)
        found = found | {
            "augmentation/mean_sign": signs / gan.recipe.batch_size,
            "augmentation/probability": probability,
        }
    return found | {"gradient_norm/discriminator": norm}


def _as_vector(gan: FashionGAN, metrics: Metrics) -> tf.Tensor:
    """In the order of `metric_names`."""
    return tf.stack([metrics[name] for name in metric_names(gan.recipe)])


def _apply(
    optimizer: Optimizer,
    gradients: list[tf.Tensor],
    metrics: Metrics,
    update_number: tf.Tensor,
    compiled: Compiler,
    afterwards: Callable[[], None] = lambda: None,
) -> tuple[Metrics, tf.Tensor]:
    """Sums gradients and metrics over the replicas, and updates a network by the gradients.

    In one all-reduce: between processes, each message costs a millisecond.

    Returns:
      The sums of the metrics, and the global gradient's norm.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync > 1:
        names, values = list(metrics), tf.stack(list(metrics.values()))
        *gradients, values = context.all_reduce(tf.distribute.ReduceOp.SUM, [*gradients, values])
        metrics = dict(zip(names, tf.unstack(values), strict=True))

    def update(*gradients: tf.Tensor) -> tf.Tensor:
        optimizer.apply(gradients, update_number)
        afterwards()
        return tf.linalg.global_norm(gradients)

    return metrics, compiled(update)(*gradients)
