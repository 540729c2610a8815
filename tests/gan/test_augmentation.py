"""Augmentation: its values, its random numbers, its gradients, and how it adapts."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.configuration import choices, joined_names
from trainer.gan.augmentation import AUGMENTATIONS, AdaptiveProbability, augment
from trainer.randomness import BatchRng

ROWS = 2000
ALL = choices.AUGMENTATIONS


def batch_rng(rows=ROWS, first=0, step=1):
    return BatchRng(0, step, first, rows)


def dot(size=28):
    """A white pixel in the middle of black images."""
    images = np.full((ROWS, size, size, 1), -1.0, np.float32)
    images[:, 14, 14] = 1
    return tf.constant(images)


def noise(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def test_every_augmentation_is_known_to_the_flags():
    assert tuple(AUGMENTATIONS) == choices.AUGMENTATIONS


def test_no_names_mean_no_change():
    images = dot()
    np.testing.assert_array_equal(augment([], images, -1.0, batch_rng(), "real"), images)


def test_translation_moves_by_up_to_four_pixels_each_way_equally_often():
    moved = augment(["translation"], dot(), -1.0, batch_rng(), "real").numpy()
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
    images = augment(["cutout"], white, -1.0, batch_rng(), "real").numpy()
    holes = (images[..., 0] == -1).sum((1, 2))
    assert holes.max() == 14 * 14 and holes.min() >= 7 * 7  # smaller at the border
    assert set(np.unique(images)) == {-1, 1}
    assert (images == -1).any((0, 3)).all()  # every pixel at times
    frequency = (images[..., 0] == -1).mean(0)
    np.testing.assert_allclose(frequency, frequency[::-1, ::-1], atol=0.08)  # symmetric


@pytest.mark.parametrize(("black", "white"), [(-1.0, 1.0), (0.0, 1.0)])
def test_colour_is_brightness_then_saturation_then_contrast(black, white):
    images = (noise(50, 8, 8, 3) + 1) / 2 * (white - black) + black
    draws = {
        name: batch_rng(50).uniform(f"real/{name}", 1).numpy()[:, :, None, None]
        for name in ("brightness", "saturation", "contrast")
    }
    expected = images + (draws["brightness"] - 0.5) * (white - black) / 2
    grey = expected.mean(3, keepdims=True)
    expected = grey + 2 * draws["saturation"] * (expected - grey)
    mean = expected.mean((1, 2, 3), keepdims=True)
    expected = mean + (0.5 + draws["contrast"]) * (expected - mean)

    changed = augment(["colour"], tf.constant(images), black, batch_rng(50), "real")

    np.testing.assert_allclose(changed, expected, atol=1e-5)


def test_in_one_channel_there_is_no_saturation():
    images = tf.constant(noise(20, 8, 8, 1))
    changed = augment(["colour"], images, -1.0, batch_rng(20), "real").numpy()
    rgb = augment(["colour"], tf.tile(images, [1, 1, 1, 3]), -1.0, batch_rng(20), "real").numpy()
    np.testing.assert_allclose(changed, rgb[..., :1], atol=1e-5)
    assert np.ptp(changed - images, axis=(1, 2, 3)).min() > 0


@pytest.mark.parametrize("name", ["translation", "cutout"])
def test_gradients_reach_the_visible_pixels_only(name):
    images = tf.constant(np.random.default_rng(0).normal(size=(5, 8, 8, 2)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        augmented = augment([name], images, 0.0, batch_rng(5), "real")
        total = tf.reduce_sum(augmented * augmented) / 2
    gradient = tape.gradient(total, images).numpy()
    visible = gradient != 0
    np.testing.assert_allclose(gradient[visible], images.numpy()[visible], rtol=1e-6)
    np.testing.assert_allclose((gradient**2).sum(), (augmented.numpy() ** 2).sum(), rtol=1e-5)
    assert 0 < visible.mean() < 1


@pytest.mark.parametrize("probability", [None, 0.5])
@pytest.mark.parametrize("name", ALL)
def test_gradients_are_those_of_what_is_done(name, probability):
    # Every operation is affine: its change along a direction is its derivative.
    images, direction, weights = noise(3, 20, 8, 8, 3)
    chosen = None if probability is None else tf.constant(probability)

    def augmented(images):
        return augment([name], images, -1.0, batch_rng(20), "real", chosen)

    with tf.GradientTape() as tape:
        start = tf.constant(images)
        tape.watch(start)
        changed = augmented(start)
    gradient = tape.gradient(changed, start, output_gradients=tf.constant(weights)).numpy()
    along = (augmented(tf.constant(images + direction)) - changed).numpy()
    np.testing.assert_allclose(
        (gradient * direction).sum((1, 2, 3)), (along * weights).sum((1, 2, 3)), atol=1e-3
    )


@pytest.mark.parametrize("probability", [None, 0.5])
def test_augmentation_depends_on_the_row_and_differs_between_real_and_fake_and_steps(probability):
    images = tf.constant(noise(8, 16, 16, 3))
    chosen = None if probability is None else tf.constant(probability)
    complete = augment(ALL, images, -1.0, batch_rng(8), "real", chosen).numpy()
    half = augment(ALL, images[4:], -1.0, batch_rng(4, first=4), "real", chosen).numpy()
    np.testing.assert_allclose(complete[4:], half, atol=1e-6)
    for other in (
        augment(ALL, images, -1.0, batch_rng(8), "fake", chosen),
        augment(ALL, images, -1.0, batch_rng(8, step=2), "real", chosen),
    ):
        assert np.abs(complete - other).max() > 0.1


@pytest.mark.parametrize("name", ALL)
def test_a_probability_is_the_share_of_images_that_are_changed(name):
    images = noise(ROWS, 4, 4, 1)

    def augmented(probability):
        chosen = None if probability is None else tf.constant(probability)
        return augment([name], tf.constant(images), -1.0, batch_rng(), "real", chosen).numpy()

    def share_left(changed):
        return (np.abs(changed - images) < 1e-5).all((1, 2, 3)).mean()

    np.testing.assert_array_equal(augmented(0.0), images)
    np.testing.assert_array_equal(augmented(1.0), augmented(None))
    operations = 2 if name == "colour" else 1  # brightness and contrast, each by itself
    left_by_chance = share_left(augmented(None))  # a shift by nothing
    expected = (0.7 + 0.3 * left_by_chance) ** operations
    assert abs(share_left(augmented(0.3)) - expected) < 0.04


def test_the_probability_moves_towards_the_target_every_four_updates():
    adaptive = AdaptiveProbability(0.5, batch_size=1000)
    found = []
    #       rises, then at the target, then falls to zero and no further
    for number, sign in enumerate([700] * 8 + [500] * 4 + [400] * 12):
        found.append(
            float(adaptive.adjust(tf.constant(float(sign)), tf.constant(number, tf.int64)))
        )
    a_move = 4000 / 100_000
    expected = [0] * 3 + [1] * 4 + [2] * 4 + [2] * 4 + [1] * 4 + [0] * 5
    np.testing.assert_allclose(found, np.array(expected) * a_move, atol=1e-6)
    assert set(adaptive.variables) == {"probability", "signs"}


def test_the_probability_ends_at_one():
    adaptive = AdaptiveProbability(0.5, batch_size=10_000)
    for number in range(16):
        found = adaptive.adjust(tf.constant(10_000.0), tf.constant(number, tf.int64))
    assert float(found) == 1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ""),
        ("cutout, translation", "translation,cutout"),
        ("adaptive", "adaptive,colour,translation,cutout"),
        ("translation,adaptive", "adaptive,translation"),
    ],
)
def test_names_are_kept_in_the_order_in_which_they_are_applied(text, names):
    assert joined_names.augmentations(text) == names
