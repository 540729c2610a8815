"""Figures of how good generated images are, as distributions: one function a figure.

Features are what a network gives for images, or coordinates of their pixels. Whatever their type,
figures are computed in float64. A figure compares only with those of the same features and as many
examples. Figures of neighbours are in `neighbours`.
"""

from __future__ import annotations

import numpy as np

from trainer.evaluation import arrays


def frechet_distance(fakes: np.ndarray, reals: np.ndarray) -> float:
    """The Fréchet distance between Gaussians that are fitted to features (squared, as in FID).

    `|m_f - m_r|^2 + tr(C_f) + tr(C_r) - 2 tr((C_f C_r)^(1/2))` of means and unbiased covariances
    (Heusel et al. 2017, arXiv:1706.08500). The last trace is the sum of the singular values of
    `R_f R_r^T`, where `C = R^T R`, which covariances without full rank do not disturb. Its bias
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
    of_fakes, of_reals = _root_of_covariance(fakes), _root_of_covariance(reals)
    shift = fakes.mean(axis=0) - reals.mean(axis=0)
    shared = np.linalg.svd(of_fakes @ of_reals.T, compute_uv=False).sum()
    distance = shift @ shift + np.sum(of_fakes**2) + np.sum(of_reals**2) - 2 * shared
    return max(float(distance), 0.0)  # rounding may take the distance of equals below zero


def kernel_distance(
    fakes: np.ndarray, reals: np.ndarray, seed: int, subsets: int = 100, size: int = 1000
) -> tuple[float, float | None]:
    """The kernel distance (KID): squared maximum mean discrepancy, estimated without bias.

    The kernel is `(x.y / D + 1)^3` (Bińkowski et al. 2018, arXiv:1801.01401). An estimate is made
    from each of some subsets; those of fakes and of reals are drawn without replacement from
    Philox keyed by the seed.

    Args:
      fakes: `[N, D]`.
      reals: `[M, D]`.
      seed: 0 or more.
      subsets: how many.
      size: examples in a subset; N or M where that is less.

    Returns:
      Mean and standard deviation over the subsets. The mean is about 0 for equal distributions,
      and may be below. The deviation is None where a subset is the whole of both, for there is
      one such only.

    Raises:
      ValueError: fewer than two examples, or features that do not agree.
    """
    fakes, reals = arrays.features(2, fakes=fakes, reals=reals)
    size = min(size, len(fakes), len(reals))
    is_whole = size == len(fakes) == len(reals)
    fakes, reals = _for_kernel(fakes), _for_kernel(reals)
    generator = np.random.Generator(np.random.Philox(key=seed))
    estimates = []
    for _ in range(1 if is_whole else subsets):
        some_fakes = fakes[generator.choice(len(fakes), size, replace=False)]
        some_reals = reals[generator.choice(len(reals), size, replace=False)]
        within = _kernel_sum_over_pairs(some_fakes) + _kernel_sum_over_pairs(some_reals)
        between = _kernel_sum(some_fakes, some_reals)
        estimates.append(within / (size * (size - 1)) - 2 * between / size**2)
    return float(np.mean(estimates)), None if is_whole else float(np.std(estimates))


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


def _root_of_covariance(features: np.ndarray) -> np.ndarray:
    """An R whose `R^T R` is the unbiased covariance, which is not computed: `[min(N, D), D]`."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r"))


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
