"""A run's generator in its parts: from latents to styles to images, in batches of one size."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf

from trainer.data import pixels
from trainer.data.labels import Labels
from trainer.editing import codes
from trainer.editing.codes import Codes
from trainer.gan import image_batches, sampling
from trainer.models import image_noise, mapping
from trainer.models.conditioning import inputs_of
from trainer.runs.trained_networks import Trained
from trainer.system import activity
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)


class Synthesis:
    """What makes images of codes. All batches have one size, so that a graph is traced once."""

    def __init__(self, trained: Trained) -> None:
        """Takes the generator apart.

        Raises:
          RefusedError: the run was still growing.
        """
        trained.check_full_grown()
        self.recipe, self.pixel_min = trained.recipe, trained.pixel_min
        self.source, self.generator = trained.source, trained.generator
        self.digest = trained.digest
        self.batch = image_batches.size(self.recipe.data.image_shape)
        self.style_shape: tuple[int, int] | None = None  # layers, size
        if mapping.is_style_based(self.generator):
            self._mapping = mapping.mapping_network(self.generator)
            self._synthesis = mapping.synthesis_network(self.generator)
            self.style_shape = tuple(self._mapping.output.shape[1:])
        self._styles_graph = tf.function(self.styles_of, autograph=False)
        self._latents_graph = tf.function(self._of_latents, autograph=False)
        self._synthesis_graph = tf.function(self._of_styles, autograph=False)

    def styles_of(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Styles `[N, layers, size]` of a style-based generator."""
        return self._mapping(inputs_of(self._mapping, latents, labels), training=False)

    def noise(self, numbers: tf.Tensor) -> tf.Tensor | None:
        """That of images of these numbers, `[N]`; None where the generator takes none."""
        return image_noise.numbered(self.generator, numbers)

    def from_latents(
        self, latents: tf.Tensor, labels: tf.Tensor, noise: tf.Tensor | None
    ) -> tf.Tensor:
        """Images `[N, height, width, channels]`, not clipped.

        Args:
          latents: `[N, noise_dim]`.
          labels: int32 `[N, attributes]`.
          noise: from `noise`.
        """
        return self.generator(inputs_of(self.generator, latents, labels, noise), training=False)

    def from_styles(self, styles: tf.Tensor, noise: tf.Tensor | None) -> tf.Tensor:
        """The same of styles `[N, layers, size]`."""
        return self._synthesis(styles if noise is None else [styles, noise], training=False)

    def codes(self, latents: np.ndarray, labels: np.ndarray) -> Codes:
        """Codes of latents `[N, noise_dim]` and labels `[N, attributes]`, with their styles.

        Their numbers are those that `generate` has for so many images.
        """
        latents, labels = np.asarray(latents, np.float32), np.asarray(labels, np.int64)
        styles = None
        if self.style_shape:
            batches = self._batches(self._styles_graph, latents, labels.astype(np.int32))
            styles = sampling.concatenated(batches, len(latents))
        return codes.in_order(labels, latents, styles)

    def sampled(self, num: int, seed: int, cycle: Sequence[Labels]) -> Codes:
        """Those of the images that `generate` draws of a seed, with a cycle of labels."""
        latents = sampling.latents(self.recipe, seed, 0, num).numpy()
        return self.codes(latents, sampling.cycled_labels(cycle, 0, num).numpy())

    def check(self, given: Codes, name: str) -> None:
        """Refuses codes of a file that this generator cannot draw, and says if another drew them.

        Args:
          given: from `codes.read`.
          name: of the file, for the message.

        Raises:
          RefusedError: their styles are not those of this generator.
        """
        if given.styles is not None and given.styles.shape[1:] != self.style_shape:
            found, known = (
                " x ".join(map(str, shape or ("none",)))
                for shape in (given.styles.shape[1:], self.style_shape)
            )
            raise RefusedError(
                f"{name} has {found} numbers as styles of an image, but this run has {known}: use "
                "a file of this run"
            )
        if given.generator not in ("", self.digest):
            log.warning(
                "%s was drawn by another run, or at another checkpoint: its images differ here",
                name,
            )

    def with_styles(self, given: Codes) -> Codes:
        """Codes of a file, and of one without styles those that this generator makes of them."""
        if given.styles is not None or self.style_shape is None:
            return given
        return replace(given, styles=self.codes(given.latents, given.labels).styles)

    def images(self, given: Codes) -> np.ndarray:
        """Draws codes: uint8 `[N, height, width, channels]`."""
        return sampling.concatenated(self.image_batches(given), len(given))

    def image_batches(self, given: Codes) -> Iterator[np.ndarray]:
        """The same, some after the others."""
        if given.styles is not None:
            drawn = self._batches(self._synthesis_graph, given.styles, given.numbers)
        else:
            labels = given.labels.astype(np.int32)
            drawn = self._batches(self._latents_graph, given.latents, labels, given.numbers)
        return (pixels.to_bytes(batch, self.pixel_min) for batch in drawn)

    def _of_latents(self, latents: tf.Tensor, labels: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        return self.from_latents(latents, labels, self.noise(numbers))

    def _of_styles(self, styles: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        return self.from_styles(styles, self.noise(numbers))

    def _batches(
        self, graph: Callable[..., tf.Tensor], *arrays: np.ndarray
    ) -> Iterator[np.ndarray]:
        """What a graph makes of rows of arrays, the last batch filled up with its first rows."""
        count = len(arrays[0])
        for first in activity.each(range(0, count, self.batch), "drawing"):
            rows = np.arange(first, first + self.batch)
            rows = np.where(rows < count, rows, first)
            made = graph(*(tf.constant(array[rows]) for array in arrays)).numpy()
            yield made[: count - first]
