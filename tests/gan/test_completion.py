"""Completing pictures: masks of five kinds, what is known stays, completions are near and vary."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from trainer.configuration import choices, flags, recipe_checks
from trainer.configuration.completion import Completion
from trainer.gan import completing, masks
from trainer.gan.fakes import encoded_images, fakes, incomplete
from trainer.gan.reconstruction import EARLY_WEIGHT, FULL_DIVERSITY, reconstruction
from trainer.gan.state import FashionGAN
from trainer.randomness import BatchRng
from trainer.system.exits import RefusedError

SMALL = ("--width=4", "--max_width=8", "--noise_dim=6", "--precision=float32", "--batch_size=8")
IMAGES = tf.random.stateless_uniform([8, 28, 28, 1], [1, 2], -1, 1)
LABELS = tf.constant([[label] for label in range(8)])
RNG = BatchRng(0, 0, 0, 8)


def recipe_of(*more: str):
    base = ["--job_dir=x", "--dataset=synthetic", "--preset=inpaint", *SMALL]
    return flags.train(["train", *base, *more]).recipe


@pytest.fixture(scope="module")
def gan() -> FashionGAN:
    return FashionGAN(recipe_of(), 100)


def drawn(kind: str) -> np.ndarray:
    return masks.drawn((kind,), BatchRng(0, 0, 0, 200), "", 28, 28).numpy()


def test_the_kinds_are_those_that_flags_choose_from():
    assert masks.MASKS == choices.MASKS


@pytest.mark.parametrize("kind", choices.MASKS)
def test_a_mask_leaves_something_known_and_something_missing(kind):
    of_kind = drawn(kind)
    shares = of_kind.mean(axis=(1, 2, 3))
    assert of_kind.shape == (200, 28, 28, 1) and set(np.unique(of_kind)) == {0, 1}
    assert shares.min() > 0 and shares.max() < 1
    low, high = {"scattered": (0.74, 0.76), "half": (0.49, 0.51)}.get(kind, (0.1, 0.6))
    assert low < shares.mean() < high
    differing = len(np.unique(of_kind, axis=0))
    assert differing == {"centre": 1, "half": 4}.get(kind, 200)


def test_masks_belong_to_the_place_in_the_batch():
    whole = masks.drawn(choices.MASKS, BatchRng(3, 7, 0, 8), "x/", 28, 28).numpy()
    second_half = masks.drawn(choices.MASKS, BatchRng(3, 7, 4, 4), "x/", 28, 28).numpy()
    np.testing.assert_array_equal(second_half, whole[4:])


def test_all_kinds_are_drawn_equally_often():
    several = masks.drawn(("half", "scattered"), BatchRng(0, 0, 0, 1000), "", 28, 28).numpy()
    is_half = np.isclose(several.mean(axis=(1, 2, 3)), 0.5)
    assert 0.45 < is_half.mean() < 0.55


def test_what_is_known_stays_and_what_is_missing_is_not_looked_at(gan):
    asked = incomplete(gan, IMAGES, RNG, "")
    other = asked._replace(pictures=tf.where(asked.masks > 0, 0.5, IMAGES))
    latents = RNG.normal("latents", 6)
    completed = gan.complete(latents, LABELS, gan.encode(asked)).numpy()
    known = np.broadcast_to(asked.masks.numpy() == 0, completed.shape)
    np.testing.assert_array_equal(completed[known], IMAGES.numpy()[known])
    np.testing.assert_array_equal(completed, gan.complete(latents, LABELS, gan.encode(other)))
    assert np.ptp(completed[~known]) > 0


@pytest.mark.parametrize("given", [(), ("--recognition=0",), ("--noconditional",)])
def test_what_is_trained_in_two_parts_is_the_generator_that_draws(given):
    gan = FashionGAN(recipe_of("--ema_half_life=0", *given), 100)
    asked, latents = incomplete(gan, IMAGES, RNG, ""), RNG.normal("latents", 6)
    labels = tf.where(LABELS % 2 == 0, LABELS, -1)
    with tf.GradientTape() as tape:
        made = gan.complete(latents, labels, gan.encode(asked))
    np.testing.assert_array_equal(made, gan.sample(latents, labels, asked))
    weights = [weight.value for weight in gan.generator.trainable_variables]
    gradients = tape.gradient(made, weights)
    reached = {
        weight.path.split("/")[0]
        for weight, gradient in zip(gan.generator.trainable_variables, gradients, strict=True)
        if gradient is not None
    }
    assert {"encode1", "encode2", "encoded", "dense", "images"} <= reached


def test_a_mean_far_off_costs_and_variety_pays(gan):
    encoded = encoded_images(gan, IMAGES, RNG, "")
    made = fakes(gan, encoded, LABELS, RNG, "")
    found = reconstruction(gan, made, encoded, IMAGES, LABELS, RNG, "")
    second = gan.complete(RNG.normal("second/latents", 6), LABELS, encoded)
    missing = encoded.masks.numpy().sum(axis=(1, 2, 3))

    def distance(difference: tf.Tensor) -> float:
        return float(np.mean(np.abs(difference.numpy()).sum(axis=(1, 2, 3)) / missing))

    error, spread = distance((made + second) / 2 - IMAGES), distance(made - second)
    assert float(found.error) == pytest.approx(error, rel=1e-4)
    assert float(found.spread) == pytest.approx(spread, rel=1e-4)
    weight = 2 * (1 + EARLY_WEIGHT)
    loss = weight * (error - 0.3 * FULL_DIVERSITY * spread)
    assert float(found.loss) == pytest.approx(loss, rel=1e-3)


def test_full_diversity_is_what_independent_gaussian_pixels_have():
    """The least of the loss over the deviation of completions is at the pixels' own."""
    pictures, first, second = np.random.default_rng(0).normal(size=(3, 10**6))

    def loss(deviation: float) -> float:
        mean = deviation * (first + second) / 2
        spread = np.abs(deviation * (first - second)).mean()
        return np.abs(pictures - mean).mean() - FULL_DIVERSITY * spread

    deviations = np.arange(0.5, 1.5, 0.05)
    assert deviations[np.argmin([loss(each) for each in deviations])] == pytest.approx(1, abs=0.06)


def test_completions_keep_what_is_known_to_the_byte_and_depend_on_place_and_seed(gan):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
    missing = completing.masks_in_turn(("box", "strokes"), 3, 0, (28, 28, 1))
    labels = np.full((3, 1), -1)

    def completed(rows: slice, seed: int) -> np.ndarray:
        parts = (pictures[rows], missing[rows], labels[rows])
        return np.concatenate(
            list(completing.completions(tf.function(gan.sample), gan.recipe, *parts, seed))
        )

    whole = completed(slice(3), 5)
    np.testing.assert_array_equal(whole[missing == 0], pictures[missing == 0])
    np.testing.assert_array_equal(completed(slice(2), 5), whole[:2])
    assert (completed(slice(3), 6) != whole).any()
    np.testing.assert_array_equal(completing.masked(pictures, missing)[missing == 1], 128)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (("--masks=",), "add --masks"),
        (("--diversity=-1",), "--diversity=-1.0 must be finite, and at least 0"),
        (("--diversity=1.8",), "--diversity=1.8 rewards variety without limit"),
        (("--reconstruction=0",), "--diversity=0.3 is a share of --reconstruction"),
        (("--architecture=style", "--masks=box"), "--masks=box applies only to networks that"),
        (("--style_mixing=0.5",), "has none"),
        (("--grow_from=7", "--grow_images=9"), "needs networks that can grow"),
    ],
)
def test_a_recipe_that_cannot_complete_is_refused(given, text):
    with pytest.raises(RefusedError, match=text):
        recipe_checks.check(recipe_of(*given))


def test_an_unknown_mask_is_refused():
    with pytest.raises(RefusedError, match="names 'hole', which is none of centre, box"):
        recipe_of("--masks=box,hole")


def test_masks_are_a_set():
    assert recipe_of("--masks=strokes, box,box").completion.kinds == ("box", "strokes")
    nothing = dataclasses.replace(recipe_of().completion, masks="")
    assert nothing == Completion("", 2.0, 0.3, 0.5) and nothing.kinds == ()
