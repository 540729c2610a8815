"""DiffAugment: what it keeps, what it changes, and that gradients pass."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.configuration import choices
from trainer.gan.augmentation import AUGMENTATIONS, augment
from trainer.randomness import Draws

ROWS = 2000


def draws(rows=ROWS, first=0, step=1):
    return Draws(0, step, first, rows)


def dot(size=28):
    """A white pixel in the middle of black images."""
    images = np.full((ROWS, size, size, 1), -1.0, np.float32)
    images[:, 14, 14] = 1
    return tf.constant(images)


def test_every_augmentation_is_known_to_the_flags():
    assert tuple(AUGMENTATIONS) == choices.AUGMENTATIONS


def test_no_names_mean_no_change():
    images = dot()
    np.testing.assert_array_equal(augment("", images, -1.0, draws(), "real"), images)


def test_translation_moves_by_up_to_four_pixels_each_way_equally_often():
    moved = augment("translation", dot(), -1.0, draws(), "real").numpy()
    places = np.argwhere(moved == 1)
    assert len(places) == ROWS  # none is lost, none doubled
    for axis in (1, 2):
        ways, counts = np.unique(places[:, axis] - 14, return_counts=True)
        assert list(ways) == list(range(-4, 5))
        assert counts.min() > ROWS / 9 * 0.7
    assert abs(places[:, 1:3].mean(0) - 14).max() < 0.2  # in expectation nothing moves
    assert moved.min() == -1  # black comes in


def test_cutout_blackens_a_square_somewhere():
    white = tf.ones([ROWS, 28, 28, 3])
    cut = augment("cutout", white, -1.0, draws(), "real").numpy()
    holes = (cut[..., 0] == -1).sum((1, 2))
    assert holes.max() == 14 * 14 and holes.min() >= 7 * 7  # smaller at the border
    assert set(np.unique(cut)) == {-1, 1}
    assert (cut == -1).any((0, 3)).all()  # no place is safe
    share = (cut[..., 0] == -1).mean(0)
    np.testing.assert_allclose(share, share[::-1, ::-1], atol=0.08)  # and none preferred


@pytest.mark.parametrize("name", choices.AUGMENTATIONS)
def test_gradients_flow_to_what_is_shown_and_to_nothing_else(name):
    images = tf.constant(np.random.default_rng(0).normal(size=(5, 8, 8, 2)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        shown = augment(name, images, 0.0, draws(5), "real")
        total = tf.reduce_sum(shown * shown) / 2
    gradient = tape.gradient(total, images).numpy()
    visible = gradient != 0
    np.testing.assert_allclose(gradient[visible], images.numpy()[visible], rtol=1e-6)
    np.testing.assert_allclose((gradient**2).sum(), (shown.numpy() ** 2).sum(), rtol=1e-5)
    assert 0 < visible.mean() < 1


def test_draws_belong_to_the_row_and_differ_between_real_and_fake_and_steps():
    images = tf.constant(np.random.default_rng(0).normal(size=(8, 16, 16, 1)), tf.float32)
    names = "translation,cutout"
    whole = augment(names, images, -1.0, draws(8), "real").numpy()
    half = augment(names, images[4:], -1.0, draws(4, first=4), "real").numpy()
    np.testing.assert_array_equal(whole[4:], half)
    assert not np.array_equal(whole, augment(names, images, -1.0, draws(8), "fake"))
    assert not np.array_equal(whole, augment(names, images, -1.0, draws(8, step=2), "real"))
