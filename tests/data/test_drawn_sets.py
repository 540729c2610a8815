"""The sets whose attributes are exact by construction."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from trainer.data import coloured, loading
from trainer.data.datasets import COLOURS, DATASETS


@pytest.mark.parametrize("side", [28, 64])
def test_garments_have_every_combination_and_their_colour(side, tmp_path):
    spec = DATASETS["synthetic_garments"]
    small = dataclasses.replace(spec, image_shape=(side, side, 3), train_examples=240)
    images, labels = loading.load(small, "train", tmp_path, tmp_path)
    again, _ = loading.load(small, "train", tmp_path, tmp_path / "elsewhere")

    assert images.shape == (240, side, side, 3)
    assert len(np.unique(labels, axis=0)) == 10 * 8 * 3
    np.testing.assert_array_equal(images, again)
    assert (coloured.nearest(images) == labels[:, 1]).mean() > 0.99


def test_patterns_differ_in_what_they_hide_of_the_colour(tmp_path):
    spec = dataclasses.replace(DATASETS["synthetic_garments"], train_examples=480)
    images, labels = loading.load(spec, "train", tmp_path, tmp_path)
    brightest = images.max(axis=(1, 2, 3), keepdims=True).astype(float)
    lit = images.max(axis=3, keepdims=True) > 30
    dim = (images.max(axis=3, keepdims=True) < 0.6 * brightest) & lit
    share = dim.sum(axis=(1, 2, 3)) / lit.sum(axis=(1, 2, 3))
    of_pattern = [np.median(share[labels[:, 2] == pattern]) for pattern in range(3)]
    assert of_pattern[0] < of_pattern[2] < of_pattern[1]


def test_fashion_mnist_in_colours_keeps_its_images_and_classes(data_dir):
    grey, classes = loading.load(DATASETS["fashion_mnist"], "test", data_dir, data_dir)
    images, labels = loading.load(DATASETS["coloured_fashion_mnist"], "test", data_dir, data_dir)

    assert images.shape == (10_000, 28, 28, 3)
    np.testing.assert_array_equal(labels[:, 0], classes[:, 0])
    assert (coloured.nearest(images) == labels[:, 1]).mean() > 0.999
    counts = np.bincount(labels[:, 1], minlength=len(COLOURS))
    assert counts.min() > 1_000
    whites = labels[:, 1] == list(COLOURS).index("white")
    np.testing.assert_allclose(images[whites][..., :1], grey[whites] * (240 / 255), atol=1)


def test_one_attribute_of_several_may_be_chosen(data_dir):
    spec = DATASETS["coloured_fashion_mnist"]
    colours = dataclasses.replace(spec, attributes=spec.attributes[1:])
    _, labels = loading.load(colours, "test", data_dir, data_dir)
    assert labels.shape == (10_000, 1) and labels.max() == 7
