"""Truncation of styles: fewer unusual images, and fewer kinds of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from trainer.data.labels import Labels
from trainer.models import image_noise, mapping
from trainer.models.conditioning import inputs_of
from trainer.randomness import BatchRng
from trainer.runs.trained_networks import Trained

AVERAGED_LATENTS = 4096


def drawing(
    trained: Trained, truncation: float | None, cycle: Sequence[Labels]
) -> tuple[Callable[..., tf.Tensor], float | None]:
    """What makes images, and the bound that is left for latents: styles are truncated instead.

    Args:
      trained: the networks.
      truncation: of styles where there are any, else of latents; None: of neither.
      cycle: all labels that are asked for.

    Raises:
      RefusedError: as `truncated`.
    """
    if truncation is None or not mapping.is_style_based(trained.generator):
        return trained.generate, truncation
    return truncated(trained, truncation, cycle), None


def truncated(
    trained: Trained, truncation: float, cycle: Sequence[Labels]
) -> Callable[..., tf.Tensor]:
    """A style-based generator whose styles are moved towards the average one.

    (Karras et al. 2018, arXiv:1812.04948.) Towards that of the labels: the average of all is of
    none of them.

    Args:
      trained: the networks.
      truncation: the share of the distance that is left: at 0 all images of a label are one.
      cycle: all labels that are asked for.

    Raises:
      RefusedError: the run was still growing.
    """
    trained.check_full_grown()
    generator = trained.generator
    map_latents = mapping.mapping_network(generator)
    synthesise = mapping.synthesis_network(generator)
    dimensions = trained.recipe.networks.noise_dim
    latents = BatchRng(0, 0, 0, AVERAGED_LATENTS).normal("average", dimensions)

    def average(labels: Labels) -> tf.Tensor:
        rows = tf.tile(tf.constant([labels], tf.int32), [AVERAGED_LATENTS, 1])
        styles = map_latents(inputs_of(map_latents, latents, rows), training=False)
        return tf.reduce_mean(styles, axis=0)

    known = list(dict.fromkeys(cycle))
    averages = tf.stack([average(labels) for labels in known])

    def generate(latents: tf.Tensor, labels: tf.Tensor, first: int | tf.Tensor = 0) -> tf.Tensor:
        equal = tf.reduce_all(labels[:, tf.newaxis] == tf.constant(known, tf.int32), axis=2)
        centres = tf.gather(averages, tf.argmax(equal, axis=1))
        styles = map_latents(inputs_of(map_latents, latents, labels), training=False)
        styles = centres + truncation * (styles - centres)
        noise = image_noise.fixed(generator, tf.shape(latents)[0], first)
        return synthesise(styles if noise is None else [styles, noise], training=False)

    return generate
