"""Labels that are not given are what the run's discriminator sees."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.editing.networks import trained
from trainer.data import pixels
from trainer.editing import inpainting, told_labels
from trainer.editing.projection import Settings
from trainer.models.conditioning import inputs_of

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)
NONE = np.full((5, 2), -1)


def seen(run, pictures: np.ndarray) -> np.ndarray:
    """The values of each attribute that add most to the logits."""
    floats = pixels.to_floats(tf.constant(pictures), run.pixel_min)
    columns = []
    for place, size in enumerate(run.recipe.data.label_sizes):
        logits = []
        for value in range(size):
            labels = np.full((len(pictures), 2), -1)
            labels[:, place] = value
            inputs = inputs_of(run.discriminator, floats, tf.constant(labels, tf.int32))
            logits.append(run.discriminator(inputs, training=False).numpy()[:, 0])
        columns.append(np.argmax(logits, axis=0))
    return np.stack(columns, axis=1)


def test_each_attribute_that_is_not_given_has_its_most_probable_value():
    run = trained("style")
    told = seen(run, PICTURES)
    np.testing.assert_array_equal(told_labels.filling(run)(PICTURES, NONE), told)
    asked = np.array([[3, -1], [-1, 2], [1, 1], [-1, -1], [0, 0]])
    expected = np.where(asked < 0, told, asked)
    np.testing.assert_array_equal(told_labels.filling(run)(PICTURES, asked), expected)


def test_who_has_not_learnt_to_classify_tells_nothing():
    run = trained("style", "--classification=0")
    np.testing.assert_array_equal(told_labels.filling(run)(PICTURES, NONE), NONE)


def test_a_picture_without_labels_is_completed_by_those_that_are_seen_in_a_first_completion():
    masks = np.zeros((5, 16, 16, 1), np.uint8)
    masks[:, 4:12, 4:12] = 1

    def completed(run, labels: np.ndarray, *seeds: int) -> np.ndarray:
        return inpainting.completions(run, PICTURES, masks, labels, seeds, Settings())

    blind = trained("completing", "--classification=0")
    first = completed(blind, NONE, 3)[:, 0]
    run = trained("completing")  # the same generator
    told = told_labels.filling(run)(first, NONE)
    two = completed(run, NONE, 3, 4)
    np.testing.assert_array_equal(two[:, 0], completed(blind, told, 3)[:, 0])
    np.testing.assert_array_equal(two[:, 1], completed(run, NONE, 4)[:, 0])
    np.testing.assert_array_equal(completed(run, told, 3), completed(blind, told, 3))
