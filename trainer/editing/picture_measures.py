"""What can be measured of any picture: its brightness, area, width and texture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Measure = Callable[[np.ndarray], np.ndarray]  # of uint8 [N, height, width, channels], to [N]

_CONTRAST = 0.1  # by which a pixel differs from the background
_SHARE = 0.05  # of a column that must, for the column to be a part of the width


def brightness(images: np.ndarray) -> np.ndarray:
    """The mean of what is shown, from 0 to 1: float64 `[N]`."""
    grey, shown = _grey(images), _shown(images)
    return (grey * shown).sum(axis=(1, 2)) / np.maximum(shown.sum(axis=(1, 2)), 1)


def area(images: np.ndarray) -> np.ndarray:
    """The share of pixels that are not background: float64 `[N]`."""
    return _shown(images).mean(axis=(1, 2))


def width(images: np.ndarray) -> np.ndarray:
    """The share of columns that are not background: float64 `[N]`."""
    return (_shown(images).mean(axis=1) > _SHARE).mean(axis=1)


def texture(images: np.ndarray) -> np.ndarray:
    """How much pixels of what is shown differ from the mean of their neighbours: float64 `[N]`."""
    grey, shown = _grey(images), _shown(images)
    near = np.zeros_like(grey)
    for axis in (1, 2):
        for shift in (-1, 1):
            near += np.roll(grey, shift, axis) / 4
    rough = np.abs(grey - near) * shown
    return rough.sum(axis=(1, 2)) / np.maximum(shown.sum(axis=(1, 2)), 1)


MEASURES: dict[str, Measure] = {
    "brightness": brightness,
    "area": area,
    "width": width,
    "texture": texture,
}


def _grey(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=3, dtype=np.float64) / 255


def _shown(images: np.ndarray) -> np.ndarray:
    """What differs from the background, which is the median of the border: bool `[N, H, W]`."""
    border = np.concatenate(
        [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1
    )
    background = np.median(border, axis=1)[:, np.newaxis, np.newaxis]
    return np.abs(images / 255 - background / 255).max(axis=3) > _CONTRAST
