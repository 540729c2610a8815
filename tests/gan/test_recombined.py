"""Labels in combinations that no picture shows are asked for, too."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.configuration import flags
from trainer.configuration.config import Recipe
from trainer.data import feeding
from trainer.gan import recombined
from trainer.gan.multi_step_graph import make_train_steps
from trainer.gan.state import FashionGAN
from trainer.randomness import BatchRng
from trainer.system.exits import RefusedError

SIZES = (10, 8, 3)  # of synthetic_garments' class, colour and pattern
LABELS = tf.constant([[1, 2, 0], [9, -1, 2], [-1, -1, -1], [0, 7, -1]] * 50)


def recipe(*more: str) -> Recipe:
    given = ["--job_dir=x", "--dataset=synthetic_garments", "--image_size=16", "--batch_size=8"]
    small = [
        "--preset=own",
        "--width=4",
        "--noise_dim=6",
        "--precision=float32",
        "--penalty_interval=8",
    ]
    return flags.train(["train", *given, *small, *more]).recipe


def test_a_value_of_each_row_is_exchanged_if_it_was_given():
    found = recombined.exchanged(LABELS, SIZES, BatchRng(0, 0, 0, 200)).numpy()

    before = LABELS.numpy()
    changed = found != before
    assert changed.sum(axis=1).max() == 1
    assert changed.any(axis=0).all()
    assert ((found < 0) == (before < 0)).all()
    assert all(set(found[:, i]) >= set(range(size)) for i, size in enumerate(SIZES))
    assert (found < SIZES).all()


def test_what_is_drawn_belongs_to_the_place_in_the_batch():
    whole = recombined.exchanged(LABELS, SIZES, BatchRng(0, 5, 0, 200))
    part = recombined.exchanged(LABELS[100:], SIZES, BatchRng(0, 5, 100, 100))
    np.testing.assert_array_equal(whole[100:], part)
    other_step = recombined.exchanged(LABELS, SIZES, BatchRng(0, 6, 0, 200))
    assert not np.array_equal(whole, other_step)


def weights_after_a_step(weight: float) -> list[list[np.ndarray]]:
    gan = FashionGAN(recipe(f"--recombination={weight}"), 100)
    images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), np.uint8)
    feed = feeding.Resident(images, LABELS[:8].numpy(), ["/cpu:0"])
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    _, bad = make_train_steps(gan, strategy, feed)(*feed.send(np.arange(8, dtype=np.int32)[None]))
    assert bad == -1
    networks = (gan.generator, gan.discriminator)
    return [[each.numpy() for each in network.trainable_variables] for network in networks]


def test_the_generator_learns_from_it_and_the_discriminator_does_not():
    generator, discriminator = weights_after_a_step(1.0)
    without, same = weights_after_a_step(0.0)

    assert any(not np.array_equal(a, b) for a, b in zip(generator, without, strict=True))
    for one, other in zip(discriminator, same, strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_is_asked_for_in_every_fourth_update():
    gan = FashionGAN(recipe(), 100)
    images, labels = tf.random.stateless_uniform([8, 16, 16, 3], [1, 2]), LABELS[:8]
    asked = []
    for step in range(6):
        gan.step.assign(step)
        found = recombined.gradients(gan, images, labels, BatchRng(0, step, 0, 8))
        asked.append(any(np.any(each) for each in found))
    assert asked == [True, False, False, False, True, False]


def test_pictures_with_one_attribute_do_without_it_and_whoever_asks_for_it_is_told():
    one = ["train", "--job_dir=x", "--preset=own", "--dataset=synthetic"]
    assert flags.train(one).recipe.objective.recombination == 0
    assert recipe().objective.recombination == 1
    for asked in (one, [*one[:-1], "--dataset=synthetic_garments", "--noconditional"]):
        with pytest.raises(RefusedError, match="of several attributes"):
            flags.train([*asked, "--recombination=1"])
    with pytest.raises(RefusedError, match="must not be negative"):
        recipe("--recombination=-1")
