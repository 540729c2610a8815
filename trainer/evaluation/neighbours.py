"""Figures of neighbours in a space of features: who lies near whom, and how near.

Distances are Euclidean and computed in float64, a block at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trainer.evaluation import arrays

_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Neighbourhood:
    """Which examples lie within the balls of others.

    A ball reaches from an example up to its k-th nearest neighbour of its own kind, and does not
    include that distance.
    """

    k: int
    real_balls: np.ndarray  # int64 [fakes]: how many balls of reals a fake lies in
    within_fakes: np.ndarray  # bool [reals]: whether a real lies in the ball of a fake
    covered: np.ndarray  # bool [reals]: whether a fake lies in the ball of the real


def neighbourhood(fakes: np.ndarray, reals: np.ndarray, k: int = 5) -> Neighbourhood:
    """Measures all distances once, for precision, recall, density and coverage.

    Distances are Euclidean. What differs by no more than rounding is taken for equal, so that
    copies lie in no ball of radius zero, and a neighbour at the radius lies outside.

    Args:
      fakes: `[N, D]`.
      reals: `[M, D]`.
      k: how many neighbours a ball reaches to.

    Raises:
      ValueError: k is less than one, there are k or fewer examples, or features do not agree.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, and is {k}")
    fakes, reals = arrays.features(k + 1, fakes=fakes, reals=reals)
    centre = reals.mean(axis=0)  # distances from large numbers would be rounded more
    fakes, reals = fakes - centre, reals - centre
    rounding = 64 * _EPSILON * max(_squared_norms(fakes).max(), _squared_norms(reals).max())
    fake_radii = _squared_radii(fakes, k) - rounding
    real_radii = _squared_radii(reals, k) - rounding
    real_balls = np.zeros(len(fakes), np.int64)
    within_fakes, covered = np.zeros(len(reals), bool), np.zeros(len(reals), bool)
    for rows, squares in _squared_distances(fakes, reals):
        in_real_ball = squares < real_radii
        real_balls[rows] = np.count_nonzero(in_real_ball, axis=1)
        covered |= in_real_ball.any(axis=0)
        within_fakes |= (squares < fake_radii[rows, None]).any(axis=0)
    return Neighbourhood(k, real_balls, within_fakes, covered)


def precision(neighbours: Neighbourhood) -> float:
    """The share of fakes that lie in the ball of a real one: 0 to 1, how realistic they are.

    (Kynkäänniemi et al. 2019, arXiv:1904.06991.)
    """
    return float(np.mean(neighbours.real_balls > 0))


def recall(neighbours: Neighbourhood) -> float:
    """The share of reals that lie in the ball of a fake: 0 to 1, how much fakes vary.

    (Kynkäänniemi et al. 2019, arXiv:1904.06991.)
    """
    return float(np.mean(neighbours.within_fakes))


def density(neighbours: Neighbourhood) -> float:
    """In how many balls of reals a fake lies on average, divided by k: 0 or more, 1 for equals.

    Unlike precision it is not led astray by a real outlier's large ball (Naeem et al. 2020,
    arXiv:2002.09797).
    """
    return float(np.mean(neighbours.real_balls) / neighbours.k)


def coverage(neighbours: Neighbourhood) -> float:
    """The share of reals whose ball holds a fake: 0 to 1.

    Unlike recall it is not led astray by a fake outlier's large ball (Naeem et al. 2020,
    arXiv:2002.09797).
    """
    return float(np.mean(neighbours.covered))


def neighbour_distance_ratio(
    fakes: np.ndarray, held_out: np.ndarray, training: np.ndarray
) -> float:
    """Whether training examples were learnt by heart: how near they are, against unseen reals.

    The median over fakes of the Euclidean distance to the nearest training example, divided by
    the same median of real examples that were not trained on. About 1: as far from the training
    set as unseen real images; well above: unlike any; near 0: copies.

    Args:
      fakes: `[N, D]`.
      held_out: `[M, D]`, real.
      training: `[L, D]`.

    Raises:
      ValueError: there are no examples, features do not agree, or half of the held-out examples
        are in the training set.
    """
    fakes, held_out, training = arrays.features(
        1, fakes=fakes, held_out=held_out, training=training
    )
    of_held_out = np.median(_nearest_distances(held_out, training))
    if of_held_out == 0:
        raise ValueError("half of the held-out examples are training examples")
    return float(np.median(_nearest_distances(fakes, training)) / of_held_out)


def _squared_distances(left: np.ndarray, right: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of squared distances: some rows of `left`, and theirs to all of `right`.

    `|x|^2 - 2 x.y + |y|^2` as one product of matrices, for passes over a block cost more than
    two more columns. Rounding may leave it below zero.
    """
    columns = np.vstack([-2 * right.T, np.ones(len(right)), _squared_norms(right)])
    for rows in arrays.blocks(len(left), len(right)):
        some = left[rows]
        ones = np.ones((len(some), 1))
        yield rows, np.hstack([some, _squared_norms(some)[:, None], ones]) @ columns


def _squared_radii(examples: np.ndarray, k: int) -> np.ndarray:
    """Squared distances to the k-th nearest neighbours: float64 `[N]`."""
    radii = np.empty(len(examples))
    for rows, squares in _squared_distances(examples, examples):
        each = np.arange(len(squares))
        for _ in range(k + 1):  # the first is the example itself
            nearest = squares.argmin(axis=1)  # a few times this is much faster than a partition
            radii[rows] = squares[each, nearest]
            squares[each, nearest] = np.inf
    return radii


def _nearest_distances(examples: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distances to the nearest of the others, exactly zero for a copy: float64 `[N]`."""
    nearest = [squares.argmin(axis=1) for _, squares in _squared_distances(examples, others)]
    return np.sqrt(_squared_norms(examples - others[np.concatenate(nearest)]))


def _squared_norms(vectors: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", vectors, vectors)
