"""What a step computes with: images as the recipe shows them, styles mixed, the sum of all losses.

The parts are tested elsewhere; here it is that a step uses them.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.models.test_styles import recipe_of as styled
from trainer.configuration import flags
from trainer.data import feeding, pixels
from trainer.gan import fakes, path_length
from trainer.gan.multi_step_graph import make_train_steps
from trainer.gan.real_batches import as_shown
from trainer.gan.recognition import recognition
from trainer.gan.reconstruction import reconstruction
from trainer.gan.state import FashionGAN
from trainer.gan.training_step import metric_names
from trainer.models import image_noise
from trainer.randomness import BatchRng

ROWS = 8
RNG = BatchRng(0, 0, 0, ROWS)
SMALL = ("--batch_size=8", "--precision=float32", "--noise_dim=6", "--width=4", "--max_width=8")
UNPENALISED = ("--r1=0", "--r2=0", "--penalty_interval=1", "--classification=0")
NEVER = ("--penalty_schedule=constant", "--penalty_final_factor=1")  # where the preset says other


def recipe_of(preset: str, *more: str):
    small = [flag for flag in SMALL if preset != "mlp" or "width" not in flag]
    base = ["train", "--job_dir=x", "--dataset=synthetic", f"--preset={preset}"]
    return flags.train([*base, *small, *more]).recipe


def pictures_of(gan: FashionGAN) -> tuple[np.ndarray, np.ndarray]:
    """Random ones, uint8, and labels."""
    data, random = gan.recipe.data, np.random.default_rng(0)
    images = random.integers(0, 256, (ROWS, *data.image_shape), np.uint8)
    return images, np.stack([np.arange(ROWS) % size for size in data.label_sizes], axis=1)


def first_step(gan: FashionGAN) -> dict[str, float]:
    """The metrics of a step on all pictures, in their order."""
    feed = feeding.Resident(*pictures_of(gan), ["/cpu:0"])
    steps = make_train_steps(gan, tf.distribute.OneDeviceStrategy("/cpu:0"), feed)
    values, first_bad = steps(*feed.send(np.arange(ROWS, dtype=np.int32)[np.newaxis]))
    assert first_bad == -1
    return dict(zip(metric_names(gan.recipe), map(float, values), strict=True))


def batch_of(gan: FashionGAN) -> tuple[tf.Tensor, tf.Tensor]:
    images, labels = pictures_of(gan)
    return pixels.to_floats(tf.constant(images), gan.pixel_min), tf.constant(labels, tf.int32)


def relativistic_loss(gan: FashionGAN, made: tf.Tensor) -> tf.Tensor:
    """The generator's, by R3GAN (arXiv:2501.05441)."""
    images, labels = batch_of(gan)
    real, fake = (gan.logits(each, labels, RNG, "x")[0] for each in (images, made))
    return tf.reduce_mean(tf.nn.softplus(real - fake))


def norm_of(gan: FashionGAN, tape: tf.GradientTape, total: tf.Tensor) -> float:
    """The gradient's of the generator."""
    weights = [weight.value for weight in gan.generator.trainable_variables]
    return float(tf.linalg.global_norm(tape.gradient(total, weights)))


def test_a_generator_that_completes_learns_from_the_sum_of_its_losses():
    gan = FashionGAN(recipe_of("inpaint", *UNPENALISED, *NEVER), 100)
    images, labels = batch_of(gan)
    with tf.GradientTape() as tape:
        encoded = fakes.encoded_images(gan, images, RNG, "")
        made = fakes.fakes(gan, encoded, labels, RNG, "")
        asked_for = reconstruction(gan, made, encoded, images, labels, RNG, "").loss
        told = recognition(gan, encoded, images, labels, RNG, "")
        total = relativistic_loss(gan, made) + asked_for + told
    expected = norm_of(gan, tape, total)

    assert first_step(gan)["gradient_norm/generator"] == pytest.approx(expected, rel=1e-4)


def test_a_step_sees_pictures_mirrored_and_labels_left_out():
    given = ("--flip", "--attribute_dropout=0.5", *UNPENALISED, *NEVER)
    gan = FashionGAN(recipe_of("fashion", *given), 100)
    images, labels = batch_of(gan)
    shown, left = as_shown(gan.recipe, (images, labels), RNG, 0)
    mirrored = (shown.numpy() != images.numpy()).any((1, 2, 3))
    assert 0 < mirrored.sum() < ROWS and 0 < np.sum(left == -1) < ROWS
    expected = float(tf.reduce_mean(tf.sigmoid(gan.logits(shown, left, RNG, "x")[0])))

    assert first_step(gan)["score/real"] == pytest.approx(expected, rel=1e-5)


def test_a_step_mixes_styles():
    given = ("--style_mixing=1", "--batch_size=8", *UNPENALISED, *NEVER)
    gan = FashionGAN(styled("style", *given), 10)
    _, labels = batch_of(gan)
    one, other = (
        gan.styles(RNG.normal(stream, 6), labels) for stream in ("latents", "mixing/latents")
    )
    made = gan.synthesise(fakes.mixed(gan, one, other, RNG, ""), None)
    expected = float(relativistic_loss(gan, made))
    assert abs(expected - float(relativistic_loss(gan, gan.synthesise(one, None)))) > 1e-6

    assert first_step(gan)["loss/generator"] == pytest.approx(expected, rel=1e-6)


def test_path_lengths_off_their_mean_are_part_of_what_the_generator_learns_from():
    gan = FashionGAN(styled("stylegan", "--path_length=2", "--batch_size=8", *UNPENALISED), 10)
    gan.path_mean.assign(0.3)
    _, labels = batch_of(gan)
    with tf.GradientTape() as tape:
        noise = image_noise.drawn(gan.generator, RNG, "")
        made = gan.generate(RNG.normal("latents", 6), labels, noise)
        lengths = path_length.path_lengths(gan, labels, RNG)
        weight = 2 * path_length.INTERVAL
        total = relativistic_loss(gan, made) + weight * tf.reduce_mean((lengths - 0.3) ** 2)
    expected = norm_of(gan, tape, total)

    assert first_step(gan)["gradient_norm/generator"] == pytest.approx(expected, rel=1e-4)


def test_rates_fall_over_a_run_whatever_the_discriminator_s_share_of_updates():
    given = ("--critic_steps=2", "--update=alternating", "--loss=relativistic")
    falls = [f"--{network}_schedule=linear" for network in ("generator", "discriminator")]
    ends = [f"--{network}_final_factor=0.5" for network in ("generator", "discriminator")]
    gan = FashionGAN(recipe_of("mlp", *given, *falls, *ends), 100)
    first = gan.learning_rates()
    gan.step.assign(50)
    assert gan.learning_rates() == pytest.approx({name: 0.75 * r for name, r in first.items()})
