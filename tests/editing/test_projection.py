"""Latents of pictures: found by the pixels that are known, by labels that are given, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.editing.networks import synthesis, trained
from trainer.configuration.editing import Search
from trainer.data.psnr import psnr
from trainer.editing import projection
from trainer.editing.synthesis import Synthesis
from trainer.gan import image_batches
from trainer.system.exits import RefusedError

CYCLE = [(3, 1, -1), (0, 2, -1), (9, 7, -1)]
NOWHERE = Search(restarts=1, steps=1)  # the only step is the last one, which goes nowhere
SHORT = Search(restarts=2, steps=15)


@pytest.fixture(scope="module")
def styles() -> Synthesis:
    return synthesis("style")


def own(made: Synthesis, num: int = 3):
    """A generator's own samples, which are not in the pool, and their labels."""
    cycle = [row[: len(made.recipe.data.attributes)] for row in CYCLE]
    codes = made.sampled(num, 5, cycle)
    return made.images(codes), codes.labels


@pytest.mark.parametrize(
    "name", ["style", pytest.param("stylegan", marks=pytest.mark.slow), "unconditional"]
)
def test_pictures_are_drawn_more_alike_than_by_the_nearest_samples(name):
    made = synthesis(name)
    images, labels = own(made)
    nearest = projection.project(made, images, labels, None, NOWHERE)
    found = projection.project(made, images, labels, None, SHORT)
    assert (found.psnr > nearest.psnr - 0.1).all() and found.psnr.mean() > nearest.psnr.mean() + 1
    np.testing.assert_array_equal(found.codes.labels, labels)
    np.testing.assert_array_equal(found.images, made.images(found.codes))
    np.testing.assert_allclose(found.psnr, psnr(images, found.images))
    assert (found.codes.styles is None) == (made.style_shape is None)


def test_styles_come_nearer_than_latents_alone(styles):
    images, labels = own(styles)
    images = np.roll(images, 3, axis=1)  # which no latent draws
    found = projection.project(styles, images, labels, None, SHORT)
    mapped = styles.codes(found.codes.latents, labels)
    by_latents = psnr(images, styles.images(replace(mapped, numbers=found.codes.numbers)))
    assert (found.psnr >= by_latents).all() and found.psnr.mean() > by_latents.mean()


def test_what_lies_under_a_mask_is_not_looked_at(styles):
    images, labels = own(styles)
    masks = np.zeros((3, 16, 16, 1), np.uint8)
    masks[:, 4:12, 4:12] = 1
    others = np.where(masks == 1, np.uint8(255) - images, images)
    left, right = (
        projection.project(styles, each, np.full_like(labels, -1), masks, SHORT)
        for each in (images, others)
    )
    np.testing.assert_array_equal(left.codes.styles, right.codes.styles)
    np.testing.assert_array_equal(left.psnr, right.psnr)
    without = projection.project(styles, others, np.full_like(labels, -1), None, SHORT)
    assert not np.array_equal(without.codes.styles, right.codes.styles)


def test_the_same_seed_finds_the_same_bits_whatever_other_pictures_there_are(styles):
    images, labels = own(styles, 40)
    all_of_them = projection.project(styles, images, labels, None, SHORT)
    again = projection.project(Synthesis(trained("style")), images, labels, None, SHORT)
    np.testing.assert_array_equal(again.codes.styles, all_of_them.codes.styles)
    few = projection.project(styles, images[:2], labels[:2], None, SHORT)
    np.testing.assert_allclose(few.codes.styles, all_of_them.codes.styles[:2], atol=1e-3)
    other = projection.project(styles, images[:2], labels[:2], None, Search(2, 15, seed=1))
    assert not np.array_equal(other.codes.styles, few.codes.styles)


def test_labels_that_are_not_given_are_found(styles):
    images, labels = own(styles)
    asked = labels.copy()
    asked[:, 1] = -1
    found = projection.project(styles, images, asked, None, SHORT)
    np.testing.assert_array_equal(found.codes.labels[:, 0], labels[:, 0])
    for column, size in zip(found.codes.labels.T, styles.recipe.data.label_sizes, strict=True):
        assert (column >= 0).all() and (column < size).all()


def test_a_run_that_grows_is_refused():
    whole = trained("stylegan", "--grow_from=8", "--grow_images=40", "--fade_images=40")
    growing = type(whole)(**{**vars(whole), "growing": whole.generator})
    with pytest.raises(RefusedError, match="still growing"):
        Synthesis(growing)


@pytest.mark.parametrize(
    ("side", "count", "size"), [(28, 1, 1), (28, 3, 4), (64, 100, 32), (128, 100, 8), (256, 100, 2)]
)
def test_as_many_are_searched_at_once_as_there_are_and_as_memory_holds(side, count, size):
    assert image_batches.size_of_search((side, side, 3), count) == size
