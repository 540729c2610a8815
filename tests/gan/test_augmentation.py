"""DiffAugment: its values, its random numbers, and its gradients."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.configuration import choices
from trainer.gan.augmentation import AUGMENTATIONS, augment
from trainer.randomness import BatchRng

ROWS = 2000


def batch_rng(rows=ROWS, first=0, step=1):
    return BatchRng(0, step, first, rows)


def dot(size=28):
    """A white pixel in the middle of black images."""
    images = np.full((ROWS, size, size, 1), -1.0, np.float32)
    images[:, 14, 14] = 1
    return tf.constant(images)


def test_every_augmentation_is_known_to_the_flags():
    assert tuple(AUGMENTATIONS) == choices.AUGMENTATIONS


def test_no_names_mean_no_change():
    images = dot()
    np.testing.assert_array_equal(augment("", images, -1.0, batch_rng(), "real"), images)


def test_translation_moves_by_up_to_four_pixels_each_way_equally_often():
    moved = augment("translation", dot(), -1.0, batch_rng(), "real").numpy()
    positions = np.argwhere(moved == 1)
    assert len(positions) == ROWS  # none is lost, none doubled
    for axis in (1, 2):
        shifts, counts = np.unique(positions[:, axis] - 14, return_counts=True)
        assert list(shifts) == list(range(-4, 5))
        assert counts.min() > ROWS / 9 * 0.7
    assert abs(positions[:, 1:3].mean(0) - 14).max() < 0.2  # the mean shift is zero
    assert moved.min() == -1  # black comes in


def test_cutout_blackens_a_square_anywhere():
    white = tf.ones([ROWS, 28, 28, 3])
    images = augment("cutout", white, -1.0, batch_rng(), "real").numpy()
    holes = (images[..., 0] == -1).sum((1, 2))
    assert holes.max() == 14 * 14 and holes.min() >= 7 * 7  # smaller at the border
    assert set(np.unique(images)) == {-1, 1}
    assert (images == -1).any((0, 3)).all()  # every pixel at times
    frequency = (images[..., 0] == -1).mean(0)
    np.testing.assert_allclose(frequency, frequency[::-1, ::-1], atol=0.08)  # symmetric


@pytest.mark.parametrize("name", choices.AUGMENTATIONS)
def test_gradients_reach_the_visible_pixels_only(name):
    images = tf.constant(np.random.default_rng(0).normal(size=(5, 8, 8, 2)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        augmented = augment(name, images, 0.0, batch_rng(5), "real")
        total = tf.reduce_sum(augmented * augmented) / 2
    gradient = tape.gradient(total, images).numpy()
    visible = gradient != 0
    np.testing.assert_allclose(gradient[visible], images.numpy()[visible], rtol=1e-6)
    np.testing.assert_allclose((gradient**2).sum(), (augmented.numpy() ** 2).sum(), rtol=1e-5)
    assert 0 < visible.mean() < 1


def test_augmentation_depends_on_the_row_and_differs_between_real_and_fake_and_steps():
    images = tf.constant(np.random.default_rng(0).normal(size=(8, 16, 16, 1)), tf.float32)
    names = "translation,cutout"
    complete = augment(names, images, -1.0, batch_rng(8), "real").numpy()
    half = augment(names, images[4:], -1.0, batch_rng(4, first=4), "real").numpy()
    np.testing.assert_array_equal(complete[4:], half)
    assert not np.array_equal(complete, augment(names, images, -1.0, batch_rng(8), "fake"))
    assert not np.array_equal(complete, augment(names, images, -1.0, batch_rng(8, step=2), "real"))
