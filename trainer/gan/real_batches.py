"""What the networks get of a batch of real images: some mirrored, some labels left out."""

from __future__ import annotations

import tensorflow as tf

from trainer.configuration.config import Recipe
from trainer.data.labels import NOT_GIVEN
from trainer.randomness import BatchRng

# images [rows, height, width, channels], labels int32 [rows, attributes]
Batch = tuple[tf.Tensor, tf.Tensor]


def as_shown(recipe: Recipe, batch: Batch, rng: BatchRng, number: int) -> Batch:
    """The batch as the recipe shows it; what is drawn belongs to the row.

    Args:
      recipe: the run's.
      batch: real images and their labels.
      rng: of the step.
      number: of the batch in the step.
    """
    images, labels = batch
    if recipe.objective.flip:
        mirrored = rng.uniform(f"flip{number}", 1)[:, :, tf.newaxis, tf.newaxis] < 0.5
        images = tf.where(mirrored, tf.reverse(images, [2]), images)
    if rate := recipe.networks.attribute_dropout:
        left_out = rng.uniform(f"attributes{number}", labels.shape[1]) < rate
        labels = tf.where(left_out, NOT_GIVEN, labels)
    return images, labels
