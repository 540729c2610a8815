"""How a generator that completes pictures learns to tell labels by what is known of them.

Its encoder classifies, beside what else it is for. Labels that are not given are then those that it
takes for most probable, in training as later.
"""

from __future__ import annotations

import tensorflow as tf

from trainer.gan.fakes import incomplete
from trainer.gan.networks import label_sizes
from trainer.gan.state import FashionGAN
from trainer.models.conditioning import RECOGNISED, Encoded
from trainer.models.label_classification import log_probabilities
from trainer.randomness import BatchRng


def recognition(
    gan: FashionGAN,
    encoded: Encoded,
    images: tf.Tensor,
    labels: tf.Tensor,
    rng: BatchRng,
    stream: str,
) -> tf.Tensor:
    """A replica's share of the loss, float32 `[]`: of the labels that are given.

    Each image is shown with another mask, too, for a mask is cheap here and a completion is not.

    Args:
      gan: the state.
      encoded: what the fakes are made of.
      images: the same, whole: `[rows, height, width, channels]`.
      labels: int32 `[rows, attributes]`, -1 where not given.
      rng: the random numbers of those rows.
      stream: prefix of the random streams, that of the fakes.
    """
    others = gan.encode(incomplete(gan, images, rng, f"{stream}recognition/"))
    scores = tf.concat([each.maps[RECOGNISED] for each in (encoded, others)], axis=0)
    told = log_probabilities(scores, tf.tile(labels, [2, 1]), label_sizes(gan.recipe))
    share = gan.recipe.completion.recognition / (2 * gan.recipe.batch_size)
    return -share * tf.reduce_sum(told)
