"""Principal components of pixels, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from trainer.evaluation import feature_arrays, pixel_space

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (200, 6, 5, 1), np.uint8)


@pytest.mark.parametrize("block", [4_000_000, 100])
def test_components_are_those_of_scikit_learn(block, monkeypatch):
    monkeypatch.setattr(feature_arrays, "_BLOCK_ELEMENTS", block)
    others = RNG.integers(0, 256, (50, 6, 5, 1), np.uint8)
    pca = PCA(8, svd_solver="full").fit(IMAGES.reshape(200, 30) / 255)
    space = pixel_space.principal_components(IMAGES, 8)
    for images in (IMAGES, others):
        expected = pca.transform(images.reshape(-1, 30) / 255)
        np.testing.assert_allclose(np.abs(space.project(images)), np.abs(expected), atol=1e-10)


def test_all_components_keep_all_distances():
    space = pixel_space.principal_components(IMAGES, 30)
    projected = space.project(IMAGES[:2])
    expected = np.linalg.norm((IMAGES[0] / 255 - IMAGES[1] / 255).ravel())
    assert np.linalg.norm(projected[0] - projected[1]) == pytest.approx(expected)


@pytest.mark.parametrize(("images", "count"), [(IMAGES[:8], 8), (IMAGES, 31), (IMAGES[:0], 1)])
def test_too_many_components_are_an_error(images, count):
    with pytest.raises(ValueError, match=f"have no {count} components"):
        pixel_space.principal_components(images, count)
