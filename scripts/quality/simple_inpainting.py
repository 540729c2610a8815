"""Completions without a generator, from the training images: what a trained one has to surpass.

Functions of uint8 training images, pictures `[N, height, width, channels]`, and masks `[N, height,
width, 1]`, 1 where a pixel is missing; they return the pictures completed.
"""

from __future__ import annotations

import numpy as np

COMPONENTS = 96
_BLOCK = 250  # pictures at once


def mean(train: np.ndarray, pictures: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The training images' mean."""
    filling = np.rint(train.mean(axis=0, dtype=np.float64)).astype(np.uint8)
    return np.where(masks, filling, pictures)


def nearest(train: np.ndarray, pictures: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The training image that is nearest where pixels are known."""
    flat = train.reshape(len(train), -1).astype(np.float32)
    squares, filled = flat**2, []
    for first in range(0, len(pictures), _BLOCK):
        some = pictures[first : first + _BLOCK]
        known = 1 - np.broadcast_to(masks[first : first + _BLOCK], some.shape)
        known = known.reshape(len(some), -1).astype(np.float32)
        products = (known * some.reshape(len(some), -1)) @ flat.T
        filled.append(train[(known @ squares.T - 2 * products).argmin(axis=1)])
    return np.where(masks, np.concatenate(filled), pictures)


def principal_components(train: np.ndarray, pictures: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The conditional mean under probabilistic PCA (Tipping and Bishop 1999)."""
    flat = train.reshape(len(train), -1).astype(np.float64)
    centre = flat.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(flat, rowvar=False))
    noise = values[:-COMPONENTS].mean()
    loadings = vectors[:, -COMPONENTS:] * np.sqrt(values[-COMPONENTS:] - noise)
    known = 1 - np.broadcast_to(masks, pictures.shape).reshape(len(pictures), -1)
    completed = np.empty((len(pictures), flat.shape[1]))
    for row, (picture, seen) in enumerate(zip(pictures, known.astype(bool), strict=True)):
        some = loadings[seen]
        precision = some.T @ some + noise * np.eye(COMPONENTS)
        factors = np.linalg.solve(precision, some.T @ (picture.ravel()[seen] - centre[seen]))
        completed[row] = centre + loadings @ factors
    filling = np.clip(np.rint(completed), 0, 255).astype(np.uint8).reshape(pictures.shape)
    return np.where(masks, filling, pictures)


METHODS = {
    "mean of the data": mean,
    "probabilistic PCA": principal_components,
    "nearest training image": nearest,
}
