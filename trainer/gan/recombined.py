"""Images of labels in new combinations: what no real picture shows together can be asked for, too.

In every few updates the generator is asked for its labels with one value of each image exchanged.
The discriminator judges what it makes, against the real images with their own labels, and learns
nothing from it: it would learn that such a combination is never real.
"""

from __future__ import annotations

import tensorflow as tf

from trainer.gan import losses, step_gradients
from trainer.gan.fakes import fakes
from trainer.gan.networks import label_sizes
from trainer.gan.state import FashionGAN
from trainer.gan.step_gradients import Examples
from trainer.randomness import BatchRng

INTERVAL = 4  # generator updates


def gradients(
    gan: FashionGAN, images: tf.Tensor, labels: tf.Tensor, rng: BatchRng
) -> list[tf.Tensor]:
    """The loss's gradients by the generator's weights: a replica's share; zeros between updates.

    Args:
      gan: the state.
      images: real ones, `[rows, height, width, channels]`.
      labels: theirs, int32 `[rows, attributes]`.
      rng: the random numbers of those rows.
    """
    zeros = [tf.zeros_like(weight.value) for weight in gan.generator.trainable_variables]
    return tf.cond(
        gan.step % INTERVAL == 0, lambda: _gradients(gan, images, labels, rng), lambda: zeros
    )


def _gradients(
    gan: FashionGAN, images: tf.Tensor, labels: tf.Tensor, rng: BatchRng
) -> list[tf.Tensor]:
    objective, stream = gan.recipe.objective, "recombined/"
    others = exchanged(labels, label_sizes(gan.recipe), rng)
    with tf.GradientTape() as tape:
        made = fakes(gan, images, others, rng, stream)
        examples = Examples(images, made, labels, stream, gan.step)
        real, fake = step_gradients.augmented(gan, examples, rng)
        real_logits, _ = gan.logits(real, labels, rng, f"{stream}real")
        fake_logits, _ = gan.logits(fake, others, rng, f"{stream}fake")
        loss = tf.reduce_sum(losses.LOSSES[objective.loss].generator(real_logits, fake_logits))
        loss *= objective.recombination / gan.recipe.batch_size
    return step_gradients.weight_gradients(tape, loss, gan.generator)


def exchanged(labels: tf.Tensor, sizes: tuple[int, ...], rng: BatchRng) -> tf.Tensor:
    """Labels of which each row has one value drawn anew, all values alike, if it was given.

    Args:
      labels: int32 `[rows, attributes]`, -1 where not given.
      sizes: the number of values of each attribute.
      rng: the random numbers of those rows.
    """
    attributes = len(sizes)
    drawn = rng.uniform("recombined/values", attributes + 1)
    values = tf.cast(drawn[:, :-1] * tf.constant(sizes, tf.float32), tf.int32)
    chosen = tf.cast(drawn[:, -1:] * attributes, tf.int32)
    taken = (tf.range(attributes) == chosen) & (labels >= 0)
    return tf.where(taken, values, labels)
