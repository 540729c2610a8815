"""Metrics of the quality of generated images: one function per metric.

Features are a network's outputs for images, or projections of their pixels. All metrics are
computed in float64. Values are comparable only for the same features and numbers of examples.
Metrics from nearest neighbours are in `neighbours`.
"""

from __future__ import annotations

import numpy as np

from trainer.evaluation import feature_arrays


def frechet_distance(fakes: np.ndarray, reals: np.ndarray) -> float:
    """The Fréchet distance between Gaussians that are fitted to features (squared, as in FID).

    `|m_f - m_r|^2 + tr(C_f) + tr(C_r) - 2 tr((C_f C_r)^(1/2))` of means and unbiased covariances
    (Heusel et al. 2017, arXiv:1706.08500). The last trace is the sum of the singular values of
    `R_f R_r^T`, where `C = R^T R`; this also holds for covariances without full rank. The estimate
    is biased upwards by O(1/N).

    Args:
      fakes: `[N, D]`.
      reals: `[M, D]`.

    Returns:
      0 (the same mean and covariance) or more.

    Raises:
      ValueError: fewer than two examples, or features of different dimensions or not finite.
    """
    fakes, reals = feature_arrays.checked_features(2, fakes=fakes, reals=reals)
    root_fakes, root_reals = _root_of_covariance(fakes), _root_of_covariance(reals)
    shift = fakes.mean(axis=0) - reals.mean(axis=0)
    nuclear_norm = np.linalg.svd(root_fakes @ root_reals.T, compute_uv=False).sum()
    distance = shift @ shift + np.sum(root_fakes**2) + np.sum(root_reals**2) - 2 * nuclear_norm
    return max(float(distance), 0.0)  # rounding may make it negative for equal sets


def kernel_distance(
    fakes: np.ndarray, reals: np.ndarray, seed: int, subsets: int = 100, size: int = 1000
) -> tuple[float, float | None]:
    """The kernel distance (KID): unbiased estimates of the squared maximum mean discrepancy.

    The kernel is `(x.y / D + 1)^3` (Bińkowski et al. 2018, arXiv:1801.01401). Each estimate is
    made from a random subset of fakes and one of reals, drawn without replacement by a Philox
    generator whose key is the seed.

    Args:
      fakes: `[N, D]`.
      reals: `[M, D]`.
      seed: 0 or more.
      subsets: number of estimates.
      size: examples in a subset, at most N and M.

    Returns:
      Mean and standard deviation of the estimates. The mean is about 0 for equal distributions,
      and may be negative. The deviation is None where a subset contains all fakes and all reals:
      there is only one such subset.

    Raises:
      ValueError: fewer than two examples, or features of different dimensions or not finite.
    """
    fakes, reals = feature_arrays.checked_features(2, fakes=fakes, reals=reals)
    size = min(size, len(fakes), len(reals))
    uses_all = size == len(fakes) == len(reals)
    fakes, reals = _for_kernel(fakes), _for_kernel(reals)
    rng = np.random.Generator(np.random.Philox(key=seed))
    estimates = []
    for _ in range(1 if uses_all else subsets):
        fake_subset = fakes[rng.choice(len(fakes), size, replace=False)]
        real_subset = reals[rng.choice(len(reals), size, replace=False)]
        within = _kernel_sum_over_pairs(fake_subset) + _kernel_sum_over_pairs(real_subset)
        between = _kernel_sum(fake_subset, real_subset)
        estimates.append(within / (size * (size - 1)) - 2 * between / size**2)
    return float(np.mean(estimates)), None if uses_all else float(np.std(estimates))


def class_shares(classes: np.ndarray, count: int) -> np.ndarray:
    """The share of each class: float64 `[count]`, of sum 1.

    Args:
      classes: integers `[N]` from 0 to `count` - 1.
      count: number of classes.

    Raises:
      ValueError: there are no examples, or a class is out of range.
    """
    if not len(classes) or classes.min() < 0 or classes.max() >= count:
        raise ValueError(f"there must be examples, and of the classes 0 to {count - 1} only")
    return np.bincount(classes, minlength=count) / len(classes)


def missing_classes(shares: np.ndarray, real_shares: np.ndarray) -> list[int]:
    """The classes whose share is below a tenth of that among real images.

    Args:
      shares: of generated images, `[classes]`.
      real_shares: of real images, `[classes]`. A class of share 0 is never missing.
    """
    return np.flatnonzero(shares < real_shares / 10).tolist()


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """The share of images whose predicted class is their label: 0 to 1.

    Args:
      predicted: the classes that a classifier predicts, integers `[N]`.
      labels: integers `[N]`.

    Raises:
      ValueError: the shapes differ, or there are no images.
    """
    if predicted.shape != labels.shape or not len(predicted):
        raise ValueError(f"one class per label is needed: {predicted.shape}, {labels.shape}")
    return float(np.mean(predicted == labels))


def _root_of_covariance(features: np.ndarray) -> np.ndarray:
    """An R such that `R^T R` is the unbiased covariance: `[min(N, D), D]`, by QR of features."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r"))


def _for_kernel(features: np.ndarray) -> np.ndarray:
    """Vectors whose inner products are `x.y / D + 1`, the kernel's cube root: `[N, D + 1]`."""
    examples, dimensions = features.shape
    return np.hstack([features / np.sqrt(dimensions), np.ones((examples, 1))])


def _kernel_sum(left: np.ndarray, right: np.ndarray) -> float:
    """The sum of the kernel over all pairs of an example of `left` and one of `right`."""
    products = left @ right.T
    return float(np.vdot(products, products * products))


def _kernel_sum_over_pairs(examples: np.ndarray) -> float:
    """The sum of the kernel over all ordered pairs of different examples."""
    squared_norms = np.einsum("nd,nd->n", examples, examples)
    return _kernel_sum(examples, examples) - float(np.sum(squared_norms**3))
