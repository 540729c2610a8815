"""Principal components of images: features of few dimensions without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trainer.evaluation import feature_arrays


@dataclass(frozen=True)
class PixelSpace:
    """Principal components of images whose pixels are scaled to [0, 1]."""

    mean: np.ndarray  # float64 [pixels]
    basis: np.ndarray  # float64 [pixels, count], orthonormal, in order of falling variance

    def project(self, images: np.ndarray) -> np.ndarray:
        """uint8 `[N, height, width, channels]` to coordinates, float64 `[N, count]`."""
        parts = [pixels @ self.basis for pixels in _centred_pixels(images, self.mean)]
        return np.concatenate(parts)


def principal_components(images: np.ndarray, count: int) -> PixelSpace:
    """The directions of the largest variance of images.

    Args:
      images: uint8 `[N, height, width, channels]`.
      count: number of directions.

    Raises:
      ValueError: there are at most `count` images, or fewer than `count` pixels.
    """
    pixels = images[0].size if len(images) else 0
    if not 1 <= count <= min(len(images) - 1, pixels):
        raise ValueError(f"{len(images)} images of {pixels} pixels have no {count} components")
    mean = images.mean(axis=0, dtype=np.float64).ravel() / 255
    scatter = np.zeros((pixels, pixels))
    for centred in _centred_pixels(images, mean):
        scatter += centred.T @ centred
    eigenvectors = np.linalg.eigh(scatter).eigenvectors  # in order of rising variance
    return PixelSpace(mean, np.ascontiguousarray(eigenvectors[:, : -count - 1 : -1]))


def _centred_pixels(images: np.ndarray, mean: np.ndarray) -> Iterator[np.ndarray]:
    """Blocks of images as rows of pixels in [0, 1], less the mean: float64 `[rows, pixels]`."""
    for rows in feature_arrays.blocks(len(images), len(mean)):
        yield images[rows].reshape(-1, len(mean)) / 255 - mean
