"""What a generator that completes takes beside latents and labels, for tests of all generators."""

from __future__ import annotations

import tensorflow as tf

from trainer.configuration.config import Recipe
from trainer.models.conditioning import Incomplete


def incomplete_pictures(recipe: Recipe, count: int) -> Incomplete | None:
    """Grey pictures of which all is missing; None: the generator draws whole ones."""
    if not recipe.completion.masks:
        return None
    height, width, channels = recipe.data.image_shape
    masks = tf.ones([count, height, width, 1])
    return Incomplete(tf.zeros([count, height, width, channels]), masks)
