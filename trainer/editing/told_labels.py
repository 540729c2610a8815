"""Labels that a user does not give, as the discriminator of a run that completes tells them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from trainer.data import pixels
from trainer.data.labels import NOT_GIVEN
from trainer.gan import sampling
from trainer.models.conditioning import inputs_of, with_label_scores
from trainer.runs.trained_networks import Trained


def filled(trained: Trained, pictures: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels, those that are not given by what is most probable: int64 `[N, attributes]`.

    Args:
      trained: the run. If its discriminator has not learnt to classify, which a projection alone
        does not teach, labels stay as they are.
      pictures: uint8 `[N, height, width, channels]`.
      labels: integers `[N, attributes]`, -1 where not given.
    """
    rows = np.flatnonzero((labels == NOT_GIVEN).any(axis=1))
    if not (len(rows) and trained.recipe.objective.classification):
        return labels
    found = np.array(labels, np.int64)
    scores = np.concatenate(list(_scores(trained, pictures[rows])))
    ends = np.cumsum(trained.recipe.data.label_sizes)[:-1]
    told = np.stack([part.argmax(axis=1) for part in np.split(scores, ends, axis=1)], axis=1)
    found[rows] = np.where(found[rows] == NOT_GIVEN, told, found[rows])
    return found


def _scores(trained: Trained, pictures: np.ndarray) -> Iterator[np.ndarray]:
    """Of each value of each attribute, of some pictures after the others: `[n, values]`."""
    scored = with_label_scores(trained.discriminator)
    batch = sampling.batch_size(trained.recipe.data.image_shape)
    unsaid = tf.fill([batch, len(trained.recipe.data.attributes)], NOT_GIVEN)

    @tf.function(autograph=False)
    def scores(images: tf.Tensor) -> tf.Tensor:
        floats = pixels.to_floats(images, trained.pixel_min)
        return scored(inputs_of(scored, floats, unsaid), training=False)[1]

    for first in range(0, len(pictures), batch):
        some = pictures[first : first + batch]
        yield scores(tf.constant(np.resize(some, (batch, *some.shape[1:])))).numpy()[: len(some)]
