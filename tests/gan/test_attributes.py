"""Networks that are given several attributes, any of which may be missing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.incomplete_pictures import incomplete_pictures
from trainer.configuration import asked_labels, flags, presets
from trainer.configuration.config import Recipe
from trainer.data import labels
from trainer.data.datasets import Attribute
from trainer.data.labels import NOT_GIVEN
from trainer.gan import sampling
from trainer.gan.networks import build_networks
from trainer.gan.real_batches import as_shown
from trainer.models import image_noise
from trainer.models.conditioning import inputs_of
from trainer.models.layers import initialise
from trainer.randomness import BatchRng
from trainer.system.exits import RefusedError

GARMENT = Attribute("class", ("dress", "coat", "boot"))
COLOUR = Attribute("colour", ("red", "blue", "navy blue"))
SLEEVE = Attribute("sleeve", ("long", "red"))
ATTRIBUTES = (GARMENT, COLOUR, SLEEVE)
UNKNOWN = [[NOT_GIVEN] * 3]


def recipe(*more: str, preset: str = "mlp") -> Recipe:
    given = ["--job_dir=x", "--dataset=synthetic_garments", "--batch_size=4", f"--preset={preset}"]
    return flags.train(["train", *given, "--conditional", "--image_size=28", *more]).recipe


@pytest.mark.parametrize("preset", presets.names())
def test_every_preset_takes_several_attributes_and_missing_ones(preset):
    of_garments = recipe(preset=preset)
    generator, discriminator = build_networks(of_garments, "float32")
    given = tf.constant([[1, 2, 0], *UNKNOWN], tf.int32)
    latents = tf.zeros([2, of_garments.networks.noise_dim])
    noise = image_noise.fixed(generator, 2)
    incomplete = incomplete_pictures(of_garments, 2)
    inputs = inputs_of(generator, latents, given, noise, incomplete=incomplete)
    images = generator(inputs, training=False)
    logits, *_ = tf.nest.flatten(discriminator(inputs_of(discriminator, images, given)))
    assert images.shape == (2, 28, 28, 3) and logits.shape == (2, 1)
    assert np.isfinite(logits).all()


def test_a_missing_label_is_a_zero_vector():
    """Of the projection, what is left is the part that knows no labels."""
    of_garments = recipe("--classification=0", preset="fashion")
    _, discriminator = build_networks(of_garments, "float32")
    initialise(discriminator, 0, "discriminator")
    images = tf.random.stateless_uniform([1, 28, 28, 3], [1, 2])
    embedding = discriminator.get_layer("label_embedding")

    def logit(given: list[list[int]]) -> float:
        return float(discriminator([images, tf.constant(given, tf.int32)]).numpy()[0, 0])

    with_labels, without = logit([[1, 2, 0]]), logit(UNKNOWN)
    alone = [logit([[1, -1, -1]]), logit([[-1, 2, -1]]), logit([[-1, -1, 0]])]
    embedding.kernel.assign(tf.zeros_like(embedding.kernel))
    assert logit([[1, 2, 0]]) == pytest.approx(without)
    assert with_labels - without == pytest.approx(sum(each - without for each in alone), rel=1e-3)


def test_labels_are_left_out_and_images_mirrored_in_their_shares_by_their_rows():
    of_garments = recipe("--attribute_dropout=0.3", "--flip")
    bright_left = np.zeros((400, 4, 4, 3), np.float32)
    bright_left[:, :, :2] = 1
    batch = tf.constant(bright_left), tf.ones([400, 3], tf.int32)

    images, given = as_shown(of_garments, batch, BatchRng(0, 5, 0, 400), 0)

    assert set(np.unique(given)) == {NOT_GIVEN, 1}
    assert (given.numpy() == NOT_GIVEN).mean(axis=0) == pytest.approx([0.3] * 3, abs=0.07)
    mirrored = images.numpy()[:, 0, -1, 0] == 1
    assert np.all(mirrored != (images.numpy()[:, 0, 0, 0] == 1))
    assert mirrored.mean() == pytest.approx(0.5, abs=0.07)
    rows = slice(200, 400)
    second = as_shown(of_garments, (batch[0][rows], batch[1][rows]), BatchRng(0, 5, 200, 200), 0)
    np.testing.assert_array_equal(second[0], images[rows])
    np.testing.assert_array_equal(second[1], given[rows])


def test_one_attribute_loses_no_labels_unless_asked():
    assert recipe().networks.attribute_dropout == 0.1
    assert recipe("--attributes=colour").networks.attribute_dropout == 0
    assert recipe("--attributes=colour").data.label_sizes == (8,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dress/blue", (0, 1, -1)),
        ("blue/dress", (0, 1, -1)),
        ("colour=red/coat", (1, 0, -1)),
        ("SLEEVE = long", (-1, -1, 0)),
        ("NavyBlue", (-1, 2, -1)),
        ("2/1/0", (2, 1, 0)),
        ("colour=2", (-1, 2, -1)),
        ("1", (1, -1, -1)),
        ("colour=#2", (-1, 2, -1)),
    ],
)
def test_what_people_write_of_an_image(text, expected):
    assert labels.parse(text, ATTRIBUTES) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("red", "may be colour=red or sleeve=red: say which"),
        ("dress/coat", "gives two values for class"),
        ("hat", "names 'hat', .*; the values are class: 0 dress, 1 coat, 2 boot; colour"),
        ("size=3", "there is no attribute 'size', only class, colour, sleeve"),
        ("colour=7", "names '7', which is not a value; the values are colour: 0 red"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, reason):
    with pytest.raises(RefusedError, match=reason):
        labels.parse(text, ATTRIBUTES)


SIZES = (
    Attribute("size", ("10", "12", "8")),
    Attribute("colour", ("Black/White", "red, dark", "blue")),
    Attribute("Colour", ("blue", "green")),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size=8", (2, -1, -1)),
        ("12", (1, -1, -1)),
        ("size=#1", (1, -1, -1)),
        ("#2/#0", (2, 0, -1)),
        ("8/Black/White", (2, 0, -1)),
        ("colour=black/white/size=10", (0, 0, -1)),
        ("Colour=blue/colour=1", (-1, 1, 0)),
        ("8/colour=black/white", (2, 0, -1)),
        ("8/colour=black white", (2, 0, -1)),
        ("Colour=green/size=10/colour=Black/White", (0, 0, 1)),
    ],
)
def test_values_may_be_numbers_or_have_slashes(text, expected):
    assert labels.parse(text, SIZES) == expected


def test_a_sign_beside_a_value_with_a_slash_is_a_value_of_its_own():
    of_both = (SIZES[1], Attribute("pattern", ("-", "dots")))
    assert labels.parse("black/white/-", of_both) == (0, 0)
    exact = (Attribute("size", ("A/+", "B")), Attribute("colour", ("black/-", "red")))
    assert labels.parse("A/+", exact) == (0, -1)
    assert labels.parse("colour=black/-/size=A/+", exact) == (0, 0)


def test_other_names_of_classes_may_follow_their_attribute():
    of_both = (Attribute("class", ("t-shirt", "boot")), Attribute("colour", ("red", "blue")))
    assert labels.parse("colour=red/class=T-shirt/top", of_both) == (0, 0)
    assert labels.parse("colour=blue/class=ankle boot", of_both) == (1, 1)


def test_values_may_have_signs_of_their_own():
    signed = (Attribute("class", ("a=b", "c", "#0")), Attribute("k", ("x=y", "#1")))
    for text, expected in {
        "a=b": (0, -1),
        "class=a=b": (0, -1),
        "k=x=y/c": (1, 0),
        "0": (0, -1),
        "#0": (2, -1),
        "class=2": (2, -1),
    }.items():
        assert labels.parse(text, signed) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("size=1", "names '1', which is not a value; the values are size: #0 10, #1 12, #2 8"),
        ("1/2", "names '1', which is not a value"),
        ("blue", "may be colour=blue or Colour=blue: say which"),
    ],
)
def test_a_number_that_is_no_value_is_not_taken_for_another(text, reason):
    with pytest.raises(RefusedError, match=reason):
        labels.parse(text, SIZES)


def test_numbers_with_points_are_values_not_places():
    """As pandas writes whole numbers of a column in which some are missing."""
    ratings = (Attribute("rating", ("1.0", "2.0", "3.0", "36.5")),)
    assert labels.parse("rating=1", ratings) == labels.parse("1.0", ratings) == (0,)
    assert labels.parse("36.5", ratings) == labels.parse("#3", ratings) == (3,)
    with pytest.raises(RefusedError, match="names '0', which is not a value"):
        labels.parse("rating=0", ratings)
    both = (Attribute("class", ("coat", "shirt", "dress")), *ratings)
    assert labels.parse("2", both) == (2, -1)  # of the attribute at its place
    assert labels.parse("1/2", both) == (1, 1)


def test_letters_may_be_composed_or_not():
    """Names of files that come from macOS are decomposed."""
    skirts = (Attribute("class", ("Hosen", "Ro\u0308cke")),)
    assert labels.parse("R\u00f6cke", skirts) == labels.parse("Ro\u0308cke", skirts) == (1,)


def test_unless_asked_images_show_each_value_of_the_first_attribute():
    data = dataclasses.replace(recipe().data, attributes=ATTRIBUTES)
    of_three = dataclasses.replace(recipe(), data=data)
    assert asked_labels.cycle(of_three) == [(0, -1, -1), (1, -1, -1), (2, -1, -1)]


def test_a_grid_has_a_row_a_value_and_otherwise_what_real_images_show():
    real = np.array([[1, 0], [0, 2], [1, 1], [0, 2]])
    grid = sampling.labels_by_row(real, rows=3, columns=3).reshape(3, 3, 2)
    assert grid[0].tolist() == [[0, 2]] * 3
    assert grid[1].tolist() == [[1, 0], [1, 1], [1, 0]]
    assert grid[2].tolist() == [[2, NOT_GIVEN]] * 3  # no real image shows it
