"""A space of few dimensions for images as they are, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trainer.evaluation import arrays


@dataclass(frozen=True)
class PixelSpace:
    """Principal components of images, whose pixels are scaled to [0, 1]."""

    mean: np.ndarray  # float64 [pixels]
    basis: np.ndarray  # float64 [pixels, count], orthonormal, by falling variance

    def project(self, images: np.ndarray) -> np.ndarray:
        """uint8 `[N, height, width, channels]` to coordinates, float64 `[N, count]`."""
        parts = [pixels @ self.basis for pixels in _centred_pixels(images, self.mean)]
        return np.concatenate(parts)


def principal_components(images: np.ndarray, count: int = 64) -> PixelSpace:
    """The directions in which images vary most.

    Args:
      images: uint8 `[N, height, width, channels]`.
      count: how many directions.

    Raises:
      ValueError: there are not more than `count` images, or fewer pixels.
    """
    pixels = images[0].size if len(images) else 0
    if not 1 <= count <= min(len(images) - 1, pixels):
        raise ValueError(f"{len(images)} images of {pixels} pixels have no {count} components")
    mean = images.mean(axis=0, dtype=np.float64).ravel() / 255
    scatter = np.zeros((pixels, pixels))
    for centred in _centred_pixels(images, mean):
        scatter += centred.T @ centred
    by_rising_variance = np.linalg.eigh(scatter).eigenvectors
    return PixelSpace(mean, np.ascontiguousarray(by_rising_variance[:, : -count - 1 : -1]))


def _centred_pixels(images: np.ndarray, mean: np.ndarray) -> Iterator[np.ndarray]:
    """Blocks of images as rows of pixels in [0, 1], less the mean: float64 `[rows, pixels]`."""
    for rows in arrays.blocks(len(images), len(mean)):
        yield images[rows].reshape(-1, len(mean)) / 255 - mean
