"""Labels that a user does not give, as the discriminator of a run that completes tells them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from trainer.data import pixels
from trainer.data.labels import NOT_GIVEN
from trainer.gan import sampling
from trainer.models.conditioning import inputs_of, with_label_scores
from trainer.runs.trained_networks import Trained

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]


def filling(trained: Trained) -> Fill:
    """What gives labels, those that are not given by what is most probable.

    Args:
      trained: the run. If its discriminator has not learnt to classify, which a projection alone
        does not teach, labels stay as they are.

    Returns:
      A function of pictures, uint8 `[N, height, width, channels]`, and of labels, integers
      `[N, attributes]`, -1 where not given, that gives labels int64 `[N, attributes]`.
    """
    if not trained.recipe.objective.classification:
        return lambda pictures, labels: labels
    scores = _scores(trained)
    ends = np.cumsum(trained.recipe.data.label_sizes)[:-1]

    def filled(pictures: np.ndarray, labels: np.ndarray) -> np.ndarray:
        rows = np.flatnonzero((labels == NOT_GIVEN).any(axis=1))
        if not len(rows):
            return labels
        parts = np.split(scores(pictures[rows]), ends, axis=1)
        told = np.stack([part.argmax(axis=1) for part in parts], axis=1)
        found = np.array(labels, np.int64)
        found[rows] = np.where(found[rows] == NOT_GIVEN, told, found[rows])
        return found

    return filled


def _scores(trained: Trained) -> Callable[[np.ndarray], np.ndarray]:
    """Of each value of each attribute, by pictures: `[N, values]`."""
    scored = with_label_scores(trained.discriminator)
    batch = sampling.batch_size(trained.recipe.data.image_shape)
    unsaid = tf.fill([batch, len(trained.recipe.data.attributes)], NOT_GIVEN)

    @tf.function(autograph=False)
    def of_batch(images: tf.Tensor) -> tf.Tensor:
        floats = pixels.to_floats(images, trained.pixel_min)
        return scored(inputs_of(scored, floats, unsaid), training=False)[1]

    def of_all(pictures: np.ndarray) -> np.ndarray:
        parts = []
        for first in range(0, len(pictures), batch):
            some = pictures[first : first + batch]
            full = np.resize(some, (batch, *some.shape[1:]))
            parts.append(of_batch(tf.constant(full)).numpy()[: len(some)])
        return np.concatenate(parts)

    return of_all
