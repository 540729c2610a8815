"""The accuracy on real images of a classifier that is trained on generated ones only.

(Ravuri and Vinyals 2019, arXiv:1905.10887.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trainer.evaluation import (
    metrics,
    own_network_training,
    packaged_architectures,
    packaged_network_training,
)
from trainer.evaluation.evaluation_networks import predictor

EPOCHS = 20  # of the package's network

# Of fakes and their labels, test images and theirs, and a seed, which decides the classifier's
# initial weights, and the order and augmentation of fakes.
Score = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], float]


def by_packaged_network(
    fakes: np.ndarray,
    fake_labels: np.ndarray,
    reals: np.ndarray,
    real_labels: np.ndarray,
    seed: int,
) -> float:
    """The score, the classifier being a new class network of the package.

    Args:
      fakes: uint8 `[N, 28, 28, 1]`.
      fake_labels: integers `[N]`.
      reals: test images, uint8 `[M, 28, 28, 1]`.
      real_labels: integers `[M]`.
      seed: see `Score`.
    """
    network = packaged_architectures.class_network()
    packaged_network_training.train(network, fakes, fake_labels, EPOCHS, seed)
    predicted = predictor(network)(reals)[-1].argmax(axis=1)
    return metrics.accuracy(predicted, real_labels)


def by_own_network(
    fakes: np.ndarray,
    fake_labels: np.ndarray,
    reals: np.ndarray,
    real_labels: np.ndarray,
    seed: int,
) -> float:
    """The score, the classifier being one of `own_network_training`.

    Args:
      fakes: uint8 `[N, height, width, channels]`.
      fake_labels: int64 `[N]`, -1 where none was asked for.
      reals: test images, uint8 `[M, height, width, channels]`.
      real_labels: int64 `[M]`, -1 where none is given, but not everywhere.
      seed: see `Score`.
    """
    count = int(max(fake_labels.max(), real_labels.max())) + 1
    labels = fake_labels[:, np.newaxis]
    network = own_network_training.train_classifier(fakes, labels, [count], seed)
    given = real_labels >= 0
    predicted = predictor(network)(reals)[0].argmax(axis=1)
    return metrics.accuracy(predicted[given], real_labels[given])
