"""The stages of a run that grows: its networks, and images of their side."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import tensorflow as tf

from trainer.configuration import step_counts
from trainer.configuration.config import Recipe
from trainer.gan.state import FashionGAN


def at_stage(gan: FashionGAN, stage: int, step: tf.Tensor) -> FashionGAN:
    """The same state, computing with the networks of a stage.

    Args:
      gan: the state.
      stage: see `Growth`.
      step: of the run, int64 `[]`, within the stage.
    """
    view = copy.copy(gan)
    view.activate(stage, faded_in(gan.recipe, stage, step))
    return view


def faded_in(recipe: Recipe, stage: int, step: tf.Tensor) -> tf.Tensor:
    """How much the finest side of a stage counts: float32 `[]`, from 0 to 1."""
    growth = recipe.growth
    if stage == 0 or not growth.fade_images:
        return tf.constant(1.0)
    seen = tf.cast(step * step_counts.images_a_step(recipe) - growth.first_image(stage), tf.float32)
    return tf.clip_by_value(seen / growth.fade_images, 0.0, 1.0)


def shrunk(recipe: Recipe, images: tf.Tensor, stage: int, step: tf.Tensor) -> tf.Tensor:
    """Real images as a stage's discriminator gets them: of its side, faded in likewise.

    Args:
      recipe: the run's.
      images: `[N, height, width, channels]`.
      stage: see `Growth`.
      step: of the run.
    """
    for _ in range(step_counts.doublings(recipe) - stage):
        images = _halved(images)
    if stage == 0:
        return images
    # Between pixels as the generator's coarser images are: else real images would have edges in a
    # fade that no fake can have.
    coarse = tf.image.resize(_halved(images), images.shape[1:3], "bilinear")
    return coarse + faded_in(recipe, stage, step) * (images - coarse)


def _halved(images: tf.Tensor) -> tf.Tensor:
    return tf.nn.avg_pool2d(images, 2, 2, "VALID")


Sampler = Callable[..., tf.Tensor]


def sampler(gan: FashionGAN) -> Sampler:
    """`gan.sample` as graphs: that of the stage in which the state is, enlarged to whole images."""

    @functools.cache
    def graph(stage: int | None) -> Sampler:
        def sample(latents: tf.Tensor, labels: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
            if stage is None:
                return gan.sample(latents, labels, first=first)
            images = at_stage(gan, stage, gan.step).sample(latents, labels, first=first)
            return enlarged(images, gan.recipe.data.image_shape[0])

        return tf.function(sample, autograph=False)

    def sampled(latents: tf.Tensor, labels: tf.Tensor, first: int | tf.Tensor = 0) -> tf.Tensor:
        return graph(current(gan))(latents, labels, tf.cast(first, tf.int64))

    return sampled


def enlarged(images: tf.Tensor, side: int) -> tf.Tensor:
    """Images whose pixels are repeated until they have this side."""
    factor = side // images.shape[1]
    return tf.repeat(tf.repeat(images, factor, axis=1), factor, axis=2)


def current(gan: FashionGAN) -> int | None:
    """The stage in which the state is; None of networks that do not grow, or have grown up."""
    step = int(gan.step.numpy())
    if step >= step_counts.full_grown_step(gan.recipe):
        return None
    return step_counts.stage_of_step(gan.recipe, step)
