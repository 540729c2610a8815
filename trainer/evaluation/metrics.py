"""Figures of how good generated images are, as distributions: one function a figure.

Features are what a network gives for images, or coordinates of their pixels. Whatever their type,
figures are computed in float64. A figure compares only with those of the same features and as many
examples. Figures of neighbours are in `neighbours`.
"""

from __future__ import annotations

import numpy as np

from trainer.evaluation import arrays
from trainer.evaluation.pixel_space import principal_components

_EPSILON = float(np.finfo(np.float64).eps)


def frechet_distance(fakes: np.ndarray, reals: np.ndarray) -> float:
    """The Fréchet distance between Gaussians that are fitted to features (squared, as in FID).

    `|m_f - m_r|^2 + tr(C_f) + tr(C_r) - 2 tr((C_f C_r)^(1/2))` of means and unbiased covariances
    (Heusel et al. 2017, arXiv:1706.08500). The last trace is the sum of the singular values of
    `C_f^(1/2) C_r^(1/2)`, which covariances without full rank do not disturb. Its bias
    is upwards and of the order of 1/N.

    Args:
      fakes: `[N, D]`.
      reals: `[M, D]`.

    Returns:
      0 (the same mean and covariance) or more.

    Raises:
      ValueError: fewer than two examples, or features that do not agree.
    """
    fakes, reals = arrays.features(2, fakes=fakes, reals=reals)
    of_fakes, of_reals = np.atleast_2d(np.cov(fakes.T)), np.atleast_2d(np.cov(reals.T))
    shift = fakes.mean(axis=0) - reals.mean(axis=0)
    product = _square_root(of_fakes) @ _square_root(of_reals)
    shared = np.linalg.svd(product, compute_uv=False).sum()
    distance = shift @ shift + np.trace(of_fakes) + np.trace(of_reals) - 2 * shared
    return max(float(distance), 0.0)  # rounding may take the distance of equals below zero


def kernel_distance(
    fakes: np.ndarray, reals: np.ndarray, seed: int, subsets: int = 100, size: int = 1000
) -> tuple[float, float]:
    """The kernel distance (KID): squared maximum mean discrepancy, estimated without bias.

    The kernel is `(x.y / D + 1)^3` (Bińkowski et al. 2018, arXiv:1801.01401). An estimate is made
    from each of some subsets; those of fakes and of reals are drawn without replacement from
    Philox keyed by the seed.

    Args:
      fakes: `[N, D]`.
      reals: `[M, D]`.
      seed: 0 or more.
      subsets: how many.
      size: examples in a subset; N or M where that is less. Subsets that are the whole of both
        are all the same, and their deviation says nothing.

    Returns:
      Mean and standard deviation over the subsets. The mean is about 0 for equal distributions,
      and may be below.

    Raises:
      ValueError: fewer than two examples, or features that do not agree.
    """
    fakes, reals = arrays.features(2, fakes=fakes, reals=reals)
    size = min(size, len(fakes), len(reals))
    fakes, reals = _for_kernel(fakes), _for_kernel(reals)
    generator = np.random.Generator(np.random.Philox(key=seed))
    estimates = []
    for _ in range(subsets):
        some_fakes = fakes[generator.choice(len(fakes), size, replace=False)]
        some_reals = reals[generator.choice(len(reals), size, replace=False)]
        within = _kernel_sum_over_pairs(some_fakes) + _kernel_sum_over_pairs(some_reals)
        between = _kernel_sum(some_fakes, some_reals)
        estimates.append(within / (size * (size - 1)) - 2 * between / size**2)
    return float(np.mean(estimates)), float(np.std(estimates))


def pixel_frechet_distance(fakes: np.ndarray, reals: np.ndarray, count: int = 64) -> float:
    """`frechet_distance` of pixels, in the principal components of the reals.

    A classifier's features may be blind to what does not tell classes apart, such as how bright
    and how sharp images are. These are not; but faint noise is hardly in the first components.

    Args:
      fakes: uint8 `[N, height, width, channels]`.
      reals: uint8 `[M, height, width, channels]`.
      count: how many components.

    Raises:
      ValueError: as for `principal_components` and `frechet_distance`.
    """
    space = principal_components(reals, count)
    return frechet_distance(space.project(fakes), space.project(reals))


def class_shares(classes: np.ndarray, count: int) -> np.ndarray:
    """The share of each class: float64 `[count]` that sums to 1.

    Args:
      classes: integers `[N]` from 0 to `count` - 1.
      count: how many classes there are.

    Raises:
      ValueError: there are no examples, or others than these classes.
    """
    if not len(classes) or classes.min() < 0 or classes.max() >= count:
        raise ValueError(f"there must be examples, and of the classes 0 to {count - 1} only")
    return np.bincount(classes, minlength=count) / len(classes)


def missing_classes(shares: np.ndarray, expected: np.ndarray) -> list[int]:
    """The classes whose share is below a tenth of what is expected.

    Args:
      shares: of generated images, `[classes]`.
      expected: of real images, `[classes]`. A class that these lack is not missing.
    """
    return np.flatnonzero(shares < expected / 10).tolist()


def accuracy(seen: np.ndarray, wanted: np.ndarray) -> float:
    """The share of images that show their class: 0 to 1.

    Args:
      seen: the classes that a classifier sees, integers `[N]`.
      wanted: the classes that were asked for, integers `[N]`.

    Raises:
      ValueError: the numbers of both differ, or are zero.
    """
    if seen.shape != wanted.shape or not len(seen):
        raise ValueError(f"one class was wanted of each image: {seen.shape}, {wanted.shape}")
    return float(np.mean(seen == wanted))


def _square_root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root of a covariance, `[D, D]`.

    Eigenvalues that are nothing but rounding are left out, for their roots would not be small.
    """
    values, vectors = np.linalg.eigh(covariance)
    values[values < len(values) * _EPSILON * values[-1]] = 0
    return (vectors * np.sqrt(values)) @ vectors.T


def _for_kernel(features: np.ndarray) -> np.ndarray:
    """Vectors whose products are `x.y / D + 1`, the kernel's cube root: `[N, D + 1]`."""
    examples, dimensions = features.shape
    return np.hstack([features / np.sqrt(dimensions), np.ones((examples, 1))])


def _kernel_sum(left: np.ndarray, right: np.ndarray) -> float:
    """The sum of the kernel over all pairs of one of `left` and one of `right`."""
    products = left @ right.T
    return float(np.vdot(products, products * products))


def _kernel_sum_over_pairs(examples: np.ndarray) -> float:
    """The sum of the kernel over all ordered pairs of different examples."""
    squared_norms = np.einsum("nd,nd->n", examples, examples)
    return _kernel_sum(examples, examples) - float(np.sum(squared_norms**3))
