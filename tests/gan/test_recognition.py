"""Labels that are not given are told by what is known of a picture."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.editing.networks import trained
from trainer.configuration import flags, recipe_checks
from trainer.configuration.editing import Search
from trainer.data import pixels
from trainer.editing import inpainting
from trainer.gan.fakes import encoded_images, incomplete
from trainer.gan.recognition import recognition
from trainer.gan.state import FashionGAN
from trainer.models.comodulated import encoding_network
from trainer.models.conditioning import RECOGNISED, Incomplete
from trainer.randomness import BatchRng
from trainer.system.exits import RefusedError

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)
HOLES = np.zeros((5, 16, 16, 1), np.uint8)
HOLES[:, 4:12, 4:12] = 1
NONE = np.full((5, 2), -1)
RNG = BatchRng(0, 0, 0, 8)


NOTHING_MISSING = ("--masks=", "--reconstruction=0", "--diversity=0")


def recipe_of(*more: str):
    small = ("--width=4", "--max_width=8", "--noise_dim=6", "--precision=float32", "--batch_size=8")
    base = ["--job_dir=x", "--preset=inpaint", "--image_size=16", *small]
    data = ["--dataset=synthetic_garments", "--attributes=class,colour"]
    return flags.train(["train", *base, *data, *more]).recipe


def scores_of(generator: keras.Model, asked) -> tf.Tensor:
    """What it takes the labels of incomplete pictures for."""
    return encoding_network(generator)(list(asked))[RECOGNISED]


def recognised(gan: FashionGAN, images: tf.Tensor, labels: tf.Tensor, rng: BatchRng) -> tf.Tensor:
    """The loss, as in a step."""
    return recognition(gan, encoded_images(gan, images, rng, ""), images, labels, rng, "")


def told(run) -> np.ndarray:
    """The most probable value of each attribute: int64 `[5, 2]`."""
    pictures = pixels.to_floats(tf.constant(PICTURES), run.pixel_min)
    scores = scores_of(run.generator, [pictures, tf.constant(HOLES, tf.float32)])
    ends = np.cumsum(run.recipe.data.label_sizes)[:-1]
    return np.stack([part.argmax(axis=1) for part in np.split(scores.numpy(), ends, axis=1)], 1)


def completed(run, labels: np.ndarray, pictures: np.ndarray = PICTURES) -> np.ndarray:
    return inpainting.completions(run, pictures, HOLES, labels, (3, 4), Search())


def test_a_picture_is_completed_by_the_labels_that_are_most_probable_where_none_are_given():
    run = trained("completing")
    asked = np.array([[3, -1], [-1, 2], [1, 1], [-1, -1], [0, 0]])
    for labels in (NONE, asked):
        filled = np.where(labels < 0, told(run), labels)
        np.testing.assert_array_equal(completed(run, labels), completed(run, filled))
    assert (completed(run, NONE) != completed(run, np.zeros_like(NONE))).any()


def test_a_generator_that_tells_no_labels_draws_as_if_there_were_none():
    run = trained("completing", "--recognition=0")
    assert all(layer.name != RECOGNISED for layer in run.generator.layers)
    before = completed(run, NONE)
    run.generator.get_layer("label_embedding").kernel.assign_add(tf.ones([18, 6]))
    np.testing.assert_array_equal(completed(run, NONE), before)
    assert (completed(run, np.zeros_like(NONE)) != before).any()


def test_what_is_missing_is_not_looked_at():
    run = trained("completing")
    other = np.where(HOLES, 255 - PICTURES, PICTURES)
    np.testing.assert_array_equal(completed(run, NONE, other), completed(run, NONE))


def test_the_loss_is_the_cross_entropy_of_the_labels_that_are_given():
    gan = FashionGAN(recipe_of("--recognition=.5"), 100)
    images = tf.random.stateless_uniform([8, 16, 16, 3], [1, 2], -1, 1)
    labels = np.array([[each % 10, each % 8] for each in range(8)])
    labels[2], labels[5, 0] = -1, -1
    loss = recognised(gan, images, tf.constant(labels, tf.int32), RNG)
    expected = 0.0
    for stream in ("", "recognition/"):
        scores = scores_of(gan.generator, incomplete(gan, images, RNG, stream))
        for number, part in enumerate(tf.split(scores, gan.recipe.data.label_sizes, axis=1)):
            chances = tf.nn.log_softmax(part).numpy()
            rows = np.flatnonzero(labels[:, number] >= 0)
            expected -= 0.5 / 16 * chances[rows, labels[rows, number]].sum()
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_it_teaches_the_layers_before_it_and_no_others():
    gan = FashionGAN(recipe_of(), 100)
    images = tf.random.stateless_uniform([8, 16, 16, 3], [1, 2], -1, 1)
    labels = tf.zeros([8, 2], tf.int32)
    with tf.GradientTape() as tape:
        loss = recognised(gan, images, labels, RNG)
    weights = gan.generator.trainable_variables
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    reached = {
        weight.path.split("/")[0]
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is not None
    }
    assert reached == {"encode1", "encode2", "recognise", RECOGNISED}


def test_labels_that_are_told_are_learnt_from_what_is_known():
    """By steps of the loss alone: bright pictures and dark ones, of which three quarters lack."""
    gan = FashionGAN(recipe_of("--masks=scattered", "--attributes=class"), 100)
    shades = tf.constant([-0.5, 0.5] * 4)[:, None, None, None]
    images = tf.tile(shades, [1, 16, 16, 3])
    labels = tf.constant([[3], [7]] * 4)
    weights = [weight.value for weight in gan.generator.trainable_variables]
    for step in range(60):
        rng = BatchRng(0, step, 0, 8)
        with tf.GradientTape() as tape:
            loss = recognised(gan, images, labels, rng)
        for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
            if gradient is not None:
                weight.assign_sub(0.2 * gradient)
    asked = Incomplete(images, incomplete(gan, images, BatchRng(1, 0, 0, 8), "").masks)
    scores = scores_of(gan.generator, asked)
    np.testing.assert_array_equal(tf.argmax(scores, axis=1), labels[:, 0])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (("--recognition=-1",), "--recognition=-1.0 must be finite, and at least 0"),
        (("--noconditional", "--recognition=.1"), "add --conditional, or use --recognition=0"),
        (
            ("--architecture=style", *NOTHING_MISSING, "--recognition=.1"),
            "--recognition=0.1 applies only to networks that complete",
        ),
    ],
)
def test_a_recipe_that_cannot_tell_labels_is_refused(given, text):
    with pytest.raises(RefusedError, match=text):
        recipe_checks.check(recipe_of(*given))


@pytest.mark.parametrize(
    "given", [("--noconditional",), ("--architecture=style", *NOTHING_MISSING)]
)
def test_the_preset_is_changed_without_a_word_of_what_it_can_no_longer_do(given):
    recipe = recipe_of(*given)
    recipe_checks.check(recipe)
    assert recipe.completion.recognition == 0
