"""Differentiable augmentation of all images that the discriminator is given.

DiffAugment (Zhao et al. 2020, arXiv:2006.10738), always or, after ADA (Karras et al. 2020,
arXiv:2006.06676), as often as the discriminator's overfitting asks for. Flips are left out: shoes
face one way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from trainer.gan.replica_variables import assign, local_variable
from trainer.randomness import BatchRng

BRIGHTNESS = 1 / 4  # the largest change, as a fraction of white
TRANSLATION = 1 / 8  # the largest shift, as a fraction of the side
CUTOUT = 1 / 2  # side of the square, as a fraction of the image's

ADJUSTMENT_INTERVAL = 4  # updates of the discriminator, as in ADA
# Real images in which the probability can go from 0 to 1. ADA takes 500,000 for runs of 25 million,
# its code 100,000 where a run starts from trained weights; those here see 0.1 to 2 million.
ADJUSTMENT_IMAGES = 100_000


def augment(
    names: Sequence[str],
    images: tf.Tensor,
    background: float,
    rng: BatchRng,
    stream: str,
    probability: tf.Tensor | None = None,
) -> tf.Tensor:
    """Augments each image by random numbers of its own.

    Args:
      names: of `AUGMENTATIONS`, in the order in which they are applied.
      images: `[N, height, width, channels]`, white is 1.
      background: the value of black pixels, which are shifted in or cut out.
      rng: the random numbers of these rows.
      stream: names this use, so that real and fake images get different numbers.
      probability: float32 `[]`, with which each operation is applied to an image; None: always.

    Returns:
      Images of the same shape.
    """
    operations = {part: each for name in names for part, each in AUGMENTATIONS[name].items()}
    for name, operation in operations.items():
        relative = images - background
        changed = operation(relative, 1 - background, rng, f"{stream}/{name}") + background
        if probability is None:
            images = changed
        else:
            chosen = rng.uniform(f"{stream}/{name}/chosen", 1) < probability
            images = tf.where(chosen[:, :, tf.newaxis, tf.newaxis], changed, images)
    return images


class AdaptiveProbability:
    """The probability of each operation: more where the discriminator knows real images by heart.

    That shows in how many of their logits lie on the side of real images, which the probability
    keeps at a target (Karras et al. 2020, arXiv:2006.06676: r_t). Of losses that compare each with
    a fake, the side is that of the fake's logit: it is reached sooner than the paper's r_t, and .6
    is as strict as .45 is there, if logits are normal. Make it in a strategy's scope.
    """

    def __init__(self, target: float, batch_size: int) -> None:
        """Makes a probability of zero.

        Args:
          target: of the mean sign of the logits of real images.
          batch_size: real images an update, over all replicas.
        """
        self._target = target
        self._images = ADJUSTMENT_INTERVAL * batch_size
        self.probability = local_variable(tf.constant(0.0))
        self._signs = local_variable(tf.constant(0.0))  # their sum since the last adjustment
        self.variables = {"probability": self.probability, "signs": self._signs}

    def adjust(self, signs: tf.Tensor, update_number: tf.Tensor) -> tf.Tensor:
        """Counts an update of the discriminator, in a replica's context.

        Args:
          signs: of the logits of the global batch's real images, summed. As a sum of whole numbers
            it does not depend on the number of replicas.
          update_number: int64 `[]`, from zero.

        Returns:
          The probability from now on, float32 `[]`.
        """
        due = (update_number + 1) % ADJUSTMENT_INTERVAL == 0
        old, sum_of_signs = self.probability.read_value(), self._signs.read_value() + signs
        direction = tf.sign(sum_of_signs / self._images - self._target)
        new = tf.clip_by_value(old + direction * (self._images / ADJUSTMENT_IMAGES), 0.0, 1.0)
        probability = tf.where(due, new, old)
        assign(self.probability, probability)
        assign(self._signs, tf.where(due, 0.0, sum_of_signs))
        return probability


def _brightness(images: tf.Tensor, white: float, rng: BatchRng, stream: str) -> tf.Tensor:
    """Makes each image brighter or darker, by up to a quarter of white."""
    return images + (_factors(rng, stream) - 0.5) * (2 * BRIGHTNESS * white)


def _saturation(images: tf.Tensor, white: float, rng: BatchRng, stream: str) -> tf.Tensor:
    """Multiplies each pixel's distance from its grey by 0 to 2; there is none in one channel."""
    del white
    if images.shape[-1] == 1:
        return images
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    return grey + (images - grey) * (2 * _factors(rng, stream))


def _contrast(images: tf.Tensor, white: float, rng: BatchRng, stream: str) -> tf.Tensor:
    """Multiplies the distance from each image's mean by 0.5 to 1.5."""
    del white
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return mean + (images - mean) * (0.5 + _factors(rng, stream))


def _factors(rng: BatchRng, stream: str) -> tf.Tensor:
    """A number in [0, 1) for each image: `[N, 1, 1, 1]`."""
    return rng.uniform(stream, 1)[:, :, tf.newaxis, tf.newaxis]


def _translation(images: tf.Tensor, white: float, rng: BatchRng, stream: str) -> tf.Tensor:
    """Shifts each image by up to an eighth of its sides; zeros come in."""
    del white
    _, height, width, _ = images.shape
    vertical, horizontal = tf.unstack(rng.uniform(stream, 2), axis=1)
    rows, columns = _shift_matrices(height, vertical), _shift_matrices(width, horizontal)
    return tf.einsum("nij,njkc,nlk->nilc", rows, images, columns)


def _shift_matrices(side: int, uniform: tf.Tensor) -> tf.Tensor:
    """Matrices `[N, side, side]` that shift a column of pixels."""
    limit = int(side * TRANSLATION + 0.5)
    shift = tf.cast(tf.floor(uniform * (2 * limit + 1)), tf.int32) - limit
    return tf.one_hot(tf.range(side)[tf.newaxis] - shift[:, tf.newaxis], side)


def _cutout(images: tf.Tensor, white: float, rng: BatchRng, stream: str) -> tf.Tensor:
    """Zeroes a square of half the sides, centred anywhere in each image."""
    del white
    _, height, width, _ = images.shape
    vertical, horizontal = tf.unstack(rng.uniform(stream, 2), axis=1)
    rows, columns = _cut_positions(height, vertical), _cut_positions(width, horizontal)
    mask = rows[:, :, tf.newaxis, tf.newaxis] * columns[:, tf.newaxis, :, tf.newaxis]
    return images * (1 - mask)


def _cut_positions(side: int, uniform: tf.Tensor) -> tf.Tensor:
    """Ones at the positions of the square along a side, `[N, side]`."""
    length = int(side * CUTOUT + 0.5)
    centre = tf.floor(uniform * (side + (1 - length % 2)))[:, tf.newaxis]
    positions = tf.range(side, dtype=tf.float32)[tf.newaxis]
    first = centre - length // 2
    return tf.cast((positions >= first) & (positions < first + length), tf.float32)


Operation = Callable[[tf.Tensor, float, BatchRng, str], tf.Tensor]  # on images whose black is 0

# Colour comes first, so that what is shifted in or cut out stays black.
AUGMENTATIONS: dict[str, dict[str, Operation]] = {
    "colour": {"brightness": _brightness, "saturation": _saturation, "contrast": _contrast},
    "translation": {"translation": _translation},
    "cutout": {"cutout": _cutout},
}
