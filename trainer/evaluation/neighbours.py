"""Metrics from nearest neighbours in feature space.

Distances are Euclidean and computed in float64, a block at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trainer.evaluation import feature_arrays

_OTHERS = 2**16
NEIGHBOURS = 5  # whose distances make an example's ball
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class ManifoldOverlap:
    """Which fakes lie in the manifold of the reals, and the other way round.

    The manifold of a set is the union of open balls around its examples. The radius of a ball is
    the distance to the k-th nearest other example of the set.
    """

    k: int
    real_balls_of_fake: np.ndarray  # int64 [fakes]: the number of real balls that contain the fake
    in_fake_manifold: np.ndarray  # bool [reals]: whether a fake's ball contains the real
    is_covered: np.ndarray  # bool [reals]: whether the real's ball contains a fake


def manifold_overlap(fakes: np.ndarray, reals: np.ndarray, k: int = NEIGHBOURS) -> ManifoldOverlap:
    """Computes all distances once, for precision, recall, density and coverage.

    Distances that differ by rounding only count as equal: a ball of radius zero contains nothing,
    not even copies of its centre, and an example at the radius lies outside.

    Args:
      fakes: `[N, D]`.
      reals: `[M, D]`.
      k: the radius of a ball is the distance to the k-th nearest neighbour.

    Raises:
      ValueError: k is less than one, a set has k or fewer examples, or features are of different
        dimensions or not finite.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, and is {k}")
    fakes, reals = feature_arrays.checked_features(k + 1, fakes=fakes, reals=reals)
    centre = reals.mean(axis=0)  # squares of large coordinates would be rounded more
    fakes, reals = fakes - centre, reals - centre
    rounding = 64 * _EPSILON * max(_squared_norms(fakes).max(), _squared_norms(reals).max())
    fake_radii = _squared_radii(fakes, k) - rounding
    real_radii = _squared_radii(reals, k) - rounding
    real_balls_of_fake = np.zeros(len(fakes), np.int64)
    in_fake_manifold, is_covered = np.zeros(len(reals), bool), np.zeros(len(reals), bool)
    for rows, squares in _squared_distances(fakes, reals):
        in_real_ball = squares < real_radii
        real_balls_of_fake[rows] = np.count_nonzero(in_real_ball, axis=1)
        is_covered |= in_real_ball.any(axis=0)
        in_fake_manifold |= (squares < fake_radii[rows, None]).any(axis=0)
    return ManifoldOverlap(k, real_balls_of_fake, in_fake_manifold, is_covered)


def precision(overlap: ManifoldOverlap) -> float:
    """The share of fakes in the manifold of the reals: 0 to 1, how realistic fakes are.

    (Kynkäänniemi et al. 2019, arXiv:1904.06991, who take k = 3: five neighbours, as density and
    coverage have them, give higher values.)
    """
    return float(np.mean(overlap.real_balls_of_fake > 0))


def recall(overlap: ManifoldOverlap) -> float:
    """The share of reals in the manifold of the fakes: 0 to 1, how diverse fakes are.

    (Kynkäänniemi et al. 2019, arXiv:1904.06991; as for `precision`.)
    """
    return float(np.mean(overlap.in_fake_manifold))


def density(overlap: ManifoldOverlap) -> float:
    """The mean number of real balls that contain a fake, divided by k: 0 or more, 1 for equal sets.

    Unlike precision it is robust to real outliers, whose balls are large (Naeem et al. 2020,
    arXiv:2002.09797).
    """
    return float(np.mean(overlap.real_balls_of_fake) / overlap.k)


def coverage(overlap: ManifoldOverlap) -> float:
    """The share of reals whose ball contains a fake: 0 to 1.

    Unlike recall it is robust to fake outliers, whose balls are large (Naeem et al. 2020,
    arXiv:2002.09797).
    """
    return float(np.mean(overlap.is_covered))


def neighbour_distance_ratio(fakes: np.ndarray, training: np.ndarray, held_out: float) -> float:
    """Whether fakes are copies of training examples: a ratio of nearest-neighbour distances.

    The median over fakes of the Euclidean distance to the nearest training example, divided by
    the same median over held-out real examples. About 1: as far from the training set as held-out
    images; well above 1: unlike any training image; near 0: copies.

    Args:
      fakes: `[N, D]`.
      training: `[L, D]`.
      held_out: from `held_out_distance`.

    Raises:
      ValueError: a set is empty, or features are of different dimensions or not finite.
    """
    fakes, training = feature_arrays.checked_features(1, fakes=fakes, training=training)
    return float(np.median(_nearest_distances(fakes, training)) / held_out)


def held_out_distance(held_out: np.ndarray, training: np.ndarray) -> float:
    """What `neighbour_distance_ratio` divides by; of the reals alone, so the same for all fakes.

    Args:
      held_out: `[M, D]`, real.
      training: `[L, D]`.

    Raises:
      ValueError: as there, or half of the held-out examples are in the training set.
    """
    held_out, training = feature_arrays.checked_features(1, held_out=held_out, training=training)
    median = np.median(_nearest_distances(held_out, training))
    if median == 0:
        raise ValueError("half of the held-out examples are training examples")
    return float(median)


def _squared_distances(left: np.ndarray, right: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of squared distances: rows of `left`, and their distances to all of `right`.

    `|x|^2 - 2 x.y + |y|^2` as one matrix product: two more columns cost less than more passes
    over a block. Rounding may make it negative.
    """
    right_columns = np.vstack([-2 * right.T, np.ones(len(right)), _squared_norms(right)])
    for rows in feature_arrays.blocks(len(left), len(right)):
        block = left[rows]
        ones = np.ones((len(block), 1))
        yield rows, np.hstack([block, _squared_norms(block)[:, None], ones]) @ right_columns


def _squared_radii(examples: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each example to its k-th nearest neighbour: float64 `[N]`."""
    radii = np.empty(len(examples))
    for rows, squares in _squared_distances(examples, examples):
        indices = np.arange(len(squares))
        for _ in range(k + 1):  # the nearest is the example itself
            nearest = squares.argmin(axis=1)  # repeated, it is much faster than a partition
            radii[rows] = squares[indices, nearest]
            squares[indices, nearest] = np.inf
    return radii


def _nearest_distances(examples: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance of each example to the nearest of `others`, exactly 0 for a copy: float64 `[N]`.

    Of many others some at a time: a block of few rows would pass over all of them.
    """
    least = np.full(len(examples), np.inf)
    nearest = np.zeros(len(examples), np.int64)
    for first in range(0, len(others), _OTHERS):
        for rows, squares in _squared_distances(examples, others[first : first + _OTHERS]):
            found = squares.argmin(axis=1)
            values = squares[np.arange(len(squares)), found]
            nearer = values < least[rows]
            nearest[rows][nearer] = first + found[nearer]
            least[rows][nearer] = values[nearer]
    return np.sqrt(_squared_norms(examples - others[nearest]))


def _squared_norms(vectors: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", vectors, vectors)
