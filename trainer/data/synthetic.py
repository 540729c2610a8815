"""Garment silhouettes drawn in code: small data sets for tests and demonstrations.

`synthetic` is grey, with one attribute. `synthetic_garments` has ten garments in eight colours and
three patterns at any size; all three attributes are exact by construction.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from trainer.data import array_cache
from trainer.data.datasets import COLOURS, Arrays, DatasetSpec

_IMAGE_SIZE = 28
_VERSION = 1  # of how synthetic_garments are drawn
# What is drawn of each garment, from and to.
_WIDTH = _HEIGHT = (0.85, 1.1)
_LEFT = _UP = (-1, 1)  # pixels of 28
_STRIPES, _PHASE, _LIGHT = (15, 40), (0, 6), (90, 230)  # of a grey one


def load(spec: DatasetSpec, split: str, cache_dir: Path) -> Arrays:
    """Images uint8 `[N, height, width, channels]` and all labels int64, the same at every call.

    Args:
      spec: of one of the two sets.
      split: `train` or `test`.
      cache_dir: where drawn garments are kept.
    """
    count = spec.train_examples if split == "train" else spec.test_examples
    if spec.dataset == "synthetic":
        return _grey(split, count)
    side = spec.image_shape[0]
    labels = garment_labels(count)

    def draw(first: int, last: int) -> np.ndarray:
        return np.stack(
            [_garment(split, number, labels[number], side) for number in range(first, last)]
        )

    name = f"synthetic_garments-{_VERSION}-{side}-{split}"
    return array_cache.array(cache_dir, name, (count, *spec.image_shape), draw), labels


def garment_labels(count: int) -> np.ndarray:
    """Class, colour and pattern of successive garments, all combinations by turns: `[count, 3]`."""
    sizes = (len(_GARMENTS), len(COLOURS), len(_PATTERNS))
    combinations = np.arange(count) % np.prod(sizes)
    return np.stack(np.unravel_index(combinations, sizes), axis=1).astype(np.int64)


def _grey(split: str, count: int) -> Arrays:
    rng = np.random.Generator(np.random.Philox(key=0 if split == "train" else 1))
    labels = np.arange(count, dtype=np.int64) % len(_GARMENTS)
    # Some at a time: temporary arrays stay in the processor's caches.
    images = [_rendered(part, rng) for part in np.split(labels, range(100, count, 100))]
    return np.concatenate(images)[..., np.newaxis], labels


def _rendered(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Garments of random proportions, place, stripes and light: uint8 `[N, 28, 28]`."""
    lowest, highest = zip(_WIDTH, _HEIGHT, _LEFT, _UP, _STRIPES, _PHASE, _LIGHT, strict=True)
    side = _IMAGE_SIZE
    drawn = [(rng.uniform(lowest, highest), rng.normal(0, 6, size=(side, side))) for _ in labels]
    numbers, grain = map(np.array, zip(*drawn, strict=True))
    width, height, left, up, stripes, phase, light = numbers.T[..., np.newaxis, np.newaxis]
    u, v = _coordinates(side, width, height, left, up)
    mask = np.empty_like(u)
    for label, garment in enumerate(_GARMENTS):
        rows = labels == label
        mask[rows] = np.clip(0.5 - 12 * garment(u[rows], v[rows]), 0, 1)
    grey = light * (1 + 0.12 * np.sin(v * stripes + phase)) + grain
    return np.clip(np.rint(grey * mask), 0, 255).astype(np.uint8)


def _garment(split: str, number: int, labels: np.ndarray, side: int) -> np.ndarray:
    """One garment in colour, of random proportions and light: uint8 `[side, side, 3]`."""
    rng = np.random.Generator(np.random.Philox(key=[2 if split == "train" else 3, number]))
    garment, colour, pattern = labels
    proportions = [rng.uniform(*limits) for limits in (_WIDTH, _HEIGHT, _LEFT, _UP)]
    u, v = _coordinates(side, *proportions)
    mask = np.clip(0.5 - 12 / 28 * side * _GARMENTS[garment](u, v), 0, 1)
    light = rng.uniform(0.75, 1.05) * _PATTERNS[pattern](u, v, rng)
    rgb = np.array(list(COLOURS.values()))[colour] * light[..., np.newaxis]
    noisy = rgb + rng.normal(0, 4, size=(side, side, 1))
    return np.clip(np.rint(noisy * mask[..., np.newaxis]), 0, 255).astype(np.uint8)


def _coordinates(side: int, width, height, left, up) -> tuple[np.ndarray, np.ndarray]:
    """Of garments, `[..., side, side]`: x from -1 to 1, y from 0 (top) to 1 (bottom)."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float64) * (_IMAGE_SIZE / side)
    return (x - 13.5 - left) / (12 * width), (y - 13.5 - up) / (24 * height) + 0.5


def _plain(u: np.ndarray, v: np.ndarray, rng: np.random.Generator):
    return np.ones_like(u)


def _stripes(u: np.ndarray, v: np.ndarray, rng: np.random.Generator):
    return 0.7 + 0.3 * np.sign(np.sin(v * 30 + rng.uniform(0, 6)))


def _dots(u: np.ndarray, v: np.ndarray, rng: np.random.Generator):
    phases = rng.uniform(0, 6, size=2)
    return np.where(np.sin(u * 14 + phases[0]) * np.sin(v * 28 + phases[1]) > 0.35, 0.3, 1.0)


_PATTERNS = (_plain, _stripes, _dots)


# Each shape is a signed function of (u, v), negative inside: minimum unites, maximum intersects.
def _box(u: np.ndarray, v: np.ndarray, left: float, top: float, right: float, bottom: float):
    return functools.reduce(np.maximum, [left - u, u - right, top - v, v - bottom])


def _ring(u: np.ndarray, v: np.ndarray, centre: float, radius: float, thickness: float):
    return np.abs(np.hypot(u, 2 * (v - centre)) - radius) - thickness


def _torso(u: np.ndarray, v: np.ndarray, sleeve: float, hem: float):
    neck = 0.22 - np.hypot(u, 2 * v)
    body = _box(u, v, -0.5, 0.05, 0.5, hem)
    arms = _box(np.abs(u) - 0.25 * v, v, 0.3, 0.06, 0.72, sleeve)
    return np.maximum(np.minimum(body, arms), neck)


def _t_shirt(u: np.ndarray, v: np.ndarray):
    return _torso(u, v, 0.32, 0.95)


def _trouser(u: np.ndarray, v: np.ndarray):
    return np.maximum(_box(u, v, -0.4, 0.02, 0.4, 0.98), 0.12 * v - np.abs(u) + 0.02)


def _pullover(u: np.ndarray, v: np.ndarray):
    return _torso(u, v, 0.92, 0.9)


def _dress(u: np.ndarray, v: np.ndarray):
    waist = 0.18 + 0.35 * np.abs(v - 0.35)
    return functools.reduce(np.maximum, [np.abs(u) - waist, 0.02 - v, v - 0.98])


def _coat(u: np.ndarray, v: np.ndarray):
    opening = 0.03 - np.abs(u) - 0.1 * (v < 0.3) * (0.3 - v)
    return np.maximum(_torso(u, v, 0.9, 0.99), opening)


def _sole(u: np.ndarray, v: np.ndarray):
    return _box(u, v, -0.95, 0.68, 0.95, 0.78)


def _sandal(u: np.ndarray, v: np.ndarray):
    straps = np.maximum(_ring(u + 0.3, v, 0.68, 0.45, 0.07), v - 0.7)
    return np.minimum(_sole(u, v), straps)


def _shirt(u: np.ndarray, v: np.ndarray):
    button_row = 0.015 - np.abs(u)
    return np.maximum(_torso(u, v, 0.6, 0.97), button_row)


def _sneaker(u: np.ndarray, v: np.ndarray):
    upper = np.maximum(_box(u, v, -0.9, 0.4, 0.9, 0.7), 0.45 - v + 0.25 * (0.3 - u))
    return np.minimum(_sole(u, v), upper)


def _bag(u: np.ndarray, v: np.ndarray):
    handle = np.maximum(_ring(u, v, 0.35, 0.5, 0.07), v - 0.4)
    return np.minimum(_box(u, v, -0.85, 0.35, 0.85, 0.9), handle)


def _boot(u: np.ndarray, v: np.ndarray):
    shaft = _box(u, v, 0.1, 0.05, 0.8, 0.7)
    return functools.reduce(np.minimum, [_sole(u, v), shaft, _box(u, v, -0.8, 0.52, 0.5, 0.7)])


_GARMENTS = (
    _t_shirt,
    _trouser,
    _pullover,
    _dress,
    _coat,
    _sandal,
    _shirt,
    _sneaker,
    _bag,
    _boot,
)
