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

from trainer.configuration.editing import USUAL, Search
from trainer.data import pixels
from trainer.data.labels import NOT_GIVEN
from trainer.data.psnr import psnr
from trainer.editing.codes import Codes, joined
from trainer.editing.descent import descended
from trainer.editing.synthesis import Synthesis
from trainer.gan import sampling
from trainer.system import activity

BATCH = 32  # pictures, or starts, that are optimised at once
# Samples of which the nearest are starts, at least and at most, without labels and with them; and
# the pixels of all of them.
_POOL, _POOL_OF_LABELS, _POOL_PIXELS = (256, 4096), (256, 1024), 2**22
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

    images: np.ndarray  # float32 [N, height, width, channels]
    known: np.ndarray  # float32 [N, height, width, 1], 1 where a pixel counts
    labels: np.ndarray  # int64 [N, attributes], -1 where any will do
    places: np.ndarray  # int32 [N]: in the batch that will draw them

    def rows(self, rows: np.ndarray) -> _Targets:
        """Some of them."""
        return _Targets(self.images[rows], self.known[rows], self.labels[rows], self.places[rows])


def project(
    synthesis: Synthesis,
    images: np.ndarray,
    labels: np.ndarray,
    masks: np.ndarray | None = None,
    search: Search = USUAL,
) -> Projected:
    """Finds codes whose images are like pictures. What is found depends on the seed alone.

    Args:
      synthesis: of the generator.
      images: uint8 `[N, height, width, channels]`.
      labels: int `[N, attributes]` that are kept; -1: found along with the latent.
      masks: uint8 `[N, height, width, 1]`, 1 where the pixel is missing and does not count.
      search: how long is searched, and where it starts.
    """
    if masks is None:
        masks = np.zeros((*images.shape[:3], 1), np.uint8)
    known = 1 - masks
    targets = _Targets(
        pixels.to_floats(tf.constant(images), synthesis.pixel_min).numpy(),
        known.astype(np.float32),
        labels,
        (np.arange(len(images)) % synthesis.batch).astype(np.int32),
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
        pool = _pool(synthesis, labels, search.seed)
        drawn = synthesis.images(pool)
        drawn = pixels.to_floats(tf.constant(drawn), synthesis.pixel_min).numpy()
        rows = np.flatnonzero(group.ravel() == number)
        for row, distances in zip(rows, _distances(targets.rows(rows), drawn), strict=True):
            starts[row] = _nearest(distances, pool, search.restarts)
    return [each for each in starts if each is not None]


def _pool(synthesis: Synthesis, labels: np.ndarray, seed: int) -> Codes:
    """Samples with these labels; any where they are not given, all equally often."""
    recipe = synthesis.recipe
    height, width, _ = recipe.data.image_shape
    bounds = _POOL if NOT_GIVEN in labels else _POOL_OF_LABELS
    count = int(np.clip(_POOL_PIXELS // (height * width), *bounds))
    drawn = np.tile(labels, (count, 1))
    if recipe.networks.conditional:
        rng = np.random.Generator(np.random.Philox(key=seed))
        for column, size in enumerate(recipe.data.label_sizes):
            if labels[column] == NOT_GIVEN:
                drawn[:, column] = rng.permutation(np.arange(count) % size)
    latents = sampling.latents(recipe, seed, 0, count).numpy()
    return synthesis.codes(latents, drawn)


def _distances(targets: _Targets, drawn: np.ndarray) -> Iterator[np.ndarray]:
    """Sums of squares of each picture's known pixels, less its own: float32 `[samples]`."""
    flat = drawn.reshape(len(drawn), -1)
    squares = np.square(drawn).sum(axis=3).reshape(len(drawn), -1)
    for image, known in zip(targets.images, targets.known, strict=True):
        yield squares @ known.ravel() - 2 * flat @ (image * known).ravel()


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
    """The optimisation, in graphs for batches of one size."""

    def __init__(self, synthesis: Synthesis, steps: int) -> None:
        self._synthesis, self._steps = synthesis, steps
        self._latents = tf.function(self._search_latents, autograph=False)
        self._styles = tf.function(self._search_styles, autograph=False)

    def latents(self, targets: _Targets, starts: list[Codes]) -> Codes:
        """The best latent of each picture, from any of its starts."""
        owner = np.repeat(np.arange(len(starts)), [len(each) for each in starts])
        codes = joined(starts)
        latents, losses = np.array(codes.latents), np.empty(len(codes), np.float32)
        for rows, full in _batches(len(codes), "finding latents"):
            of_each = targets.rows(owner[full])
            found, loss = self._latents(
                codes.latents[full],
                codes.labels[full].astype(np.int32),
                of_each.images,
                of_each.known,
                of_each.places,
            )
            latents[rows], losses[rows] = found.numpy()[: len(rows)], loss.numpy()[: len(rows)]
        order = np.lexsort((losses, owner))
        best = order[np.searchsorted(owner[order], np.arange(len(starts)))]
        return self._synthesis.codes(latents[best], codes.labels[best])

    def styles(self, targets: _Targets, codes: Codes) -> Codes:
        """The same latents with styles that draw the pictures better."""
        assert codes.styles is not None
        styles = np.array(codes.styles)
        for rows, full in _batches(len(codes), "finding styles"):
            batch = targets.rows(full)
            found = self._styles(codes.styles[full], batch.images, batch.known, batch.places)
            styles[rows] = found.numpy()[: len(rows)]
        return replace(codes, styles=styles)

    def _search_latents(self, latents, labels, images, known, places):
        def error(values: tf.Tensor) -> tf.Tensor:
            drawn = self._synthesis.from_latents(values, labels, places)
            return _mean_square(self._shown(drawn) - images, known)

        def loss(values: tf.Tensor) -> tf.Tensor:
            return error(values) + _LATENT_PRIOR * tf.reduce_sum(tf.square(values), axis=1)

        found = descended(latents, loss, self._steps, _LATENT_RATE)
        return found, error(found)

    def _search_styles(self, styles, images, known, places):
        def loss(values: tf.Tensor) -> tf.Tensor:
            drawn = self._synthesis.from_styles(values, places)
            way = tf.reduce_sum(tf.square(values - styles), axis=[1, 2])
            return _mean_square(self._shown(drawn) - images, known) + _STYLE_PRIOR * way

        return descended(styles, loss, self._steps, _STYLE_RATE)

    def _shown(self, drawn: tf.Tensor) -> tf.Tensor:
        """What is seen of pixels, which have bounds; gradients are as if there were none."""
        clipped = tf.clip_by_value(drawn, self._synthesis.pixel_min, 1.0)
        return drawn + tf.stop_gradient(clipped - drawn)


def _batches(count: int, what: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of a batch, and the same filled up to a whole one."""
    for first in activity.each(range(0, count, BATCH), what):
        rows = np.arange(first, min(first + BATCH, count))
        yield rows, np.resize(rows, BATCH)


def _mean_square(difference: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    """Of the pixels that are known: `[N]`."""
    squares = tf.reduce_mean(tf.square(difference), axis=3, keepdims=True) * known
    return tf.reduce_sum(squares, axis=[1, 2, 3]) / tf.maximum(
        tf.reduce_sum(known, axis=[1, 2, 3]), 1.0
    )
