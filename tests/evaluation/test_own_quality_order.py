"""Metrics in the features of a set without attributes: worse values with more damage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.shapes import SPEC, pictures
from tests.evaluation.test_quality_order import assert_rising, blurred, noisy
from trainer.evaluation import metrics, neighbours, own_networks

N = 200
UNLABELLED = replace(SPEC, attributes=(), train_examples=N)


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Of N pictures each, none of which the networks were trained on."""
    nothing = np.zeros((N, 0), np.int64)
    networks = own_networks.provide(
        UNLABELLED, lambda: (pictures(N, 0)[0], nothing), tmp_path_factory.mktemp("cache")
    )
    reals, _ = pictures(N, 1)
    images, labels = pictures(2 * N, 2)
    sets = {
        "test": reals,
        "unseen": images[:N],
        "noisy": noisy(images[:N], 60),
        "blurred": blurred(images[:N], 5),
        "no balls nor red": images[(labels > 0).all(axis=1)][:N],
        "copies": np.repeat(images[:15], N // 15, axis=0),
    }
    return {name: networks.features(each) for name, each in sets.items()}


@pytest.mark.parametrize(
    "order",
    [
        ("test", "unseen", "noisy"),
        ("test", "unseen", "blurred"),
        ("test", "unseen", "no balls nor red"),
        ("test", "unseen", "copies"),
    ],
)
def test_frechet_and_kernel_distances_rise_with_damage(features, order):
    assert_rising(
        {name: metrics.frechet_distance(features[name], features["test"]) for name in order}
    )
    kernel = [metrics.kernel_distance(features[name], features["test"], 0)[0] for name in order[1:]]
    assert kernel == sorted(kernel)


def test_all_damage_lowers_coverage_and_noise_and_blur_precision_too(features):
    overlaps = {
        name: neighbours.manifold_overlap(each, features["test"]) for name, each in features.items()
    }
    of_precision = {name: neighbours.precision(each) for name, each in overlaps.items()}
    of_coverage = {name: neighbours.coverage(each) for name, each in overlaps.items()}

    assert of_precision["unseen"] > 0.8 and of_coverage["unseen"] > 0.8
    for damage in ("noisy", "blurred", "no balls nor red", "copies"):
        assert of_coverage[damage] < 0.8 * of_coverage["unseen"]
    for damage in ("noisy", "blurred"):
        assert of_precision[damage] < of_precision["unseen"] - 0.03
    for damage in ("no balls nor red", "copies"):
        assert of_precision[damage] > 0.95 * of_precision["unseen"]
