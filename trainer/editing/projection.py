"""Finding what a generator must be given to draw a picture.

By optimisation (Zhu et al. 2016, arXiv:1609.03552): the latent first, from the nearest samples of
each picture, as in Yeh et al. 2017 (arXiv:1607.07539), where pixels that are missing do not count;
then, of style-based generators, a style for each layer from there on, as in Abdal et al. 2019
(arXiv:1904.03189), held near the one that the mapping network makes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from trainer.configuration.editing import Search
from trainer.data import pixels
from trainer.data.labels import NOT_GIVEN
from trainer.data.psnr import psnr
from trainer.editing.codes import Codes, joined
from trainer.editing.descent import descended
from trainer.editing.synthesis import Synthesis
from trainer.gan import image_batches, sampling
from trainer.system import activity

# Samples of which the nearest are starts, at least and at most, without labels and with them; the
# pixels of all of them; and the samples for all labels of the pictures.
_POOL, _POOL_OF_LABELS, _POOL_PIXELS, _POOLS = (256, 4096), (256, 1024), 2**22, 2**16
_VOTES = 10  # nearest samples that decide labels
_LATENT_RATE, _STYLE_RATE = 0.1, 0.1
_LATENT_PRIOR = 1e-4  # weight of a latent's square beside mean squares of pixels from -1 to 1
_STYLE_PRIOR = 3e-5  # of the square of a style's way


@dataclass(frozen=True)
class Projected:
    """What was found for pictures."""

    codes: Codes
    images: np.ndarray  # uint8 [N, height, width, channels], as the generator draws them
    psnr: np.ndarray  # of the known pixels, in dB: float64 [N]


@dataclass(frozen=True)
class _Targets:
    """Pictures as they are compared with images."""

    images: np.ndarray  # uint8 [N, height, width, channels]
    known: np.ndarray  # uint8 [N, height, width, 1], 1 where a pixel counts
    labels: np.ndarray  # int64 [N, attributes], -1 where any will do
    numbers: np.ndarray  # int64 [N]: of their images among all that are drawn

    def rows(self, rows: np.ndarray) -> _Targets:
        """Some of them."""
        return _Targets(self.images[rows], self.known[rows], self.labels[rows], self.numbers[rows])


def project(
    synthesis: Synthesis,
    images: np.ndarray,
    labels: np.ndarray,
    masks: np.ndarray | None,
    search: Search,
) -> Projected:
    """Finds codes whose images are like pictures: the same for the same pictures and seed.

    Args:
      synthesis: of the generator.
      images: uint8 `[N, height, width, channels]`.
      labels: int `[N, attributes]` that are kept; -1: found along with the latent.
      masks: uint8 `[N, height, width, 1]`, 1 where the pixel is missing and does not count;
        None: all are there.
      search: how long is searched, and where it starts.
    """
    if masks is None:
        masks = np.zeros((*images.shape[:3], 1), np.uint8)
    known = 1 - masks
    targets = _Targets(
        images,
        known,
        labels,
        np.arange(len(images)),
    )
    optimisation = _optimisation(synthesis, search.steps)
    starts = _starts(synthesis, targets, search)
    found = optimisation.latents(targets, starts)
    if synthesis.style_shape:
        found = optimisation.styles(targets, found)
    drawn = synthesis.images(found)
    return Projected(found, drawn, psnr(images, drawn, known))


def _starts(synthesis: Synthesis, targets: _Targets, search: Search) -> list[Codes]:
    """The samples nearest to each picture, by its labels or by those of most of the nearest."""
    starts: list[Codes | None] = [None] * len(targets.labels)
    asked, group = np.unique(targets.labels, axis=0, return_inverse=True)
    for number, labels in enumerate(asked):
        pool = _pool(synthesis, labels, search.seed, _POOLS // len(asked))
        drawn = synthesis.images(pool)
        drawn = pixels.to_floats(tf.constant(drawn), synthesis.pixel_min).numpy()
        rows = np.flatnonzero(group.ravel() == number)
        flat, squares = drawn.reshape(len(drawn), -1), np.square(drawn).sum(axis=3)
        for row in rows:
            known = targets.known[row].astype(np.float32)
            image = pixels.to_floats(tf.constant(targets.images[row]), synthesis.pixel_min).numpy()
            # Of each sample the sum of squared differences, less the picture's own squares.
            distances = squares.reshape(len(drawn), -1) @ known.ravel()
            distances -= 2 * flat @ (image * known).ravel()
            starts[row] = _nearest(distances, pool, search.restarts)
    return [each for each in starts if each is not None]


def _pool(synthesis: Synthesis, labels: np.ndarray, seed: int, most: int) -> Codes:
    """Samples with these labels; any where they are not given, all equally often.

    Args:
      synthesis: of the generator.
      labels: integers `[attributes]`.
      seed: decides the latents.
      most: samples, if the least that searches need are fewer.
    """
    recipe = synthesis.recipe
    height, width, _ = recipe.data.image_shape
    least, usual = _POOL if NOT_GIVEN in labels else _POOL_OF_LABELS
    count = max(least, min(usual, most, _POOL_PIXELS // (height * width)))
    drawn = np.tile(labels, (count, 1))
    if recipe.networks.conditional:
        rng = np.random.Generator(np.random.Philox(key=seed))
        for column, size in enumerate(recipe.data.label_sizes):
            if labels[column] == NOT_GIVEN:
                drawn[:, column] = rng.permutation(np.arange(count) % size)
    latents = sampling.latents(recipe, seed, 0, count).numpy()
    return synthesis.codes(latents, drawn)


def _nearest(distances: np.ndarray, pool: Codes, count: int) -> Codes:
    """The nearest samples that have the labels of most of the nearest; then others, so labelled."""
    order = np.argsort(distances, kind="stable")
    voters = pool.labels[order[:_VOTES]]
    labels = np.array([_most_frequent(column) for column in voters.T], np.int64)
    differing = (pool.labels[order] != labels).sum(axis=1)
    nearest = pool.rows(order[np.argsort(differing, kind="stable")[:count]])
    return replace(nearest, labels=np.tile(labels, (len(nearest), 1)))


def _most_frequent(values: np.ndarray) -> int:
    """Of several, the first."""
    found, firsts, counts = np.unique(values, return_index=True, return_counts=True)
    return int(found[np.lexsort((firsts, -counts))[0]])


@functools.lru_cache(maxsize=1)
def _optimisation(synthesis: Synthesis, steps: int) -> _Optimisation:
    """Its graphs are traced once for successive calls."""
    return _Optimisation(synthesis, steps)


class _Optimisation:
    """The optimisation, in graphs."""

    def __init__(self, synthesis: Synthesis, steps: int) -> None:
        self._synthesis, self._steps = synthesis, steps
        self._shape = synthesis.recipe.data.image_shape
        self._latents = tf.function(self._search_latents, autograph=False)
        self._styles = tf.function(self._search_styles, autograph=False)

    def latents(self, targets: _Targets, starts: list[Codes]) -> Codes:
        """The best latent of each picture, from any of its starts."""
        owner = np.repeat(np.arange(len(starts)), [len(each) for each in starts])
        codes = joined(starts)
        latents, losses = np.array(codes.latents), np.empty(len(codes), np.float32)
        for rows, full in _batches(len(codes), self._shape, "finding latents"):
            of_each = targets.rows(owner[full])
            found, loss = self._latents(
                codes.latents[full],
                codes.labels[full].astype(np.int32),
                of_each.images,
                of_each.known,
                of_each.numbers,
            )
            latents[rows], losses[rows] = found.numpy()[: len(rows)], loss.numpy()[: len(rows)]
        order = np.lexsort((losses, owner))
        best = order[np.searchsorted(owner[order], np.arange(len(starts)))]
        return self._synthesis.codes(latents[best], codes.labels[best])

    def styles(self, targets: _Targets, codes: Codes) -> Codes:
        """The same latents with styles that draw the pictures better."""
        assert codes.styles is not None
        styles = np.array(codes.styles)
        for rows, full in _batches(len(codes), self._shape, "finding styles"):
            batch = targets.rows(full)
            found = self._styles(codes.styles[full], batch.images, batch.known, batch.numbers)
            styles[rows] = found.numpy()[: len(rows)]
        return replace(codes, styles=styles)

    def _search_latents(self, latents, labels, images, known, numbers):
        noise, images, known = self._shared(images, known, numbers)

        def error(values: tf.Tensor) -> tf.Tensor:
            drawn = self._synthesis.from_latents(values, labels, noise)
            return _mean_square(self._shown(drawn) - images, known)

        def loss(values: tf.Tensor) -> tf.Tensor:
            return error(values) + _LATENT_PRIOR * tf.reduce_sum(tf.square(values), axis=1)

        found = descended(latents, loss, self._steps, _LATENT_RATE)
        return found, error(found)

    def _search_styles(self, styles, images, known, numbers):
        noise, images, known = self._shared(images, known, numbers)

        def loss(values: tf.Tensor) -> tf.Tensor:
            drawn = self._synthesis.from_styles(values, noise)
            way = tf.reduce_sum(tf.square(values - styles), axis=[1, 2])
            return _mean_square(self._shown(drawn) - images, known) + _STYLE_PRIOR * way

        return descended(styles, loss, self._steps, _STYLE_RATE)

    def _shared(self, images, known, numbers):
        """What is the same in all steps: noise, pictures as floats, and what is known of them."""
        floats = pixels.to_floats(images, self._synthesis.pixel_min)
        return self._synthesis.noise(numbers), floats, tf.cast(known, tf.float32)

    def _shown(self, drawn: tf.Tensor) -> tf.Tensor:
        """What is seen of pixels, which have bounds; gradients are as if there were none."""
        clipped = tf.clip_by_value(drawn, self._synthesis.pixel_min, 1.0)
        return drawn + tf.stop_gradient(clipped - drawn)


def _batches(
    count: int, image_shape: tuple[int, int, int], what: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of a batch, and the same filled up to a whole one: one size makes one graph."""
    size = image_batches.size_of_search(image_shape, count)
    for first in activity.each(range(0, count, size), what):
        rows = np.arange(first, min(first + size, count))
        yield rows, np.resize(rows, size)


def _mean_square(difference: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    """Of the pixels that are known: `[N]`."""
    squares = tf.reduce_mean(tf.square(difference), axis=3, keepdims=True) * known
    return tf.reduce_sum(squares, axis=[1, 2, 3]) / tf.maximum(
        tf.reduce_sum(known, axis=[1, 2, 3]), 1.0
    )
