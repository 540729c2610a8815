"""The training step against independent computations of its parts."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.command import ROOT
from tests.gan.test_state import IMAGES, LABELS, make, train
from tests.incomplete_pictures import incomplete_pictures
from trainer.configuration import choices, presets
from trainer.data import pixels
from trainer.gan.losses import LOSSES
from trainer.gan.moving_average import decay_of
from trainer.gan.training_step import ADAPTIVE_METRICS, METRICS
from trainer.models import architectures, spectral
from trainer.models.conditioning import inputs_of
from trainer.randomness import BatchRng

ROWS = np.arange(8)
REAL = pixels.to_floats(IMAGES[:8], -1.0)
BATCH_LABELS = tf.constant(LABELS[:8], tf.int32)
# Presets whose parts others have.
SLOW = ("classic", "conditional", "fashion_gan", "lsgan", "own", "r3gan", "sngan", "wgan")


def metrics_of(gan, batches=1):
    values, first_bad = train(gan, np.arange(8 * batches)[None])
    assert first_bad == -1
    return dict(zip(METRICS, values.numpy(), strict=True))


def norm(gradients) -> float:
    return float(tf.linalg.global_norm(gradients))


def latents(gan, stream="latents"):
    return BatchRng(0, 0, 0, 8).normal(stream, gan.recipe.networks.noise_dim)


def input_gradients(network, images):
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = network([images, BATCH_LABELS[:, 0]])
    return tape.gradient(logits, images)


def test_r1_and_r2_train_as_if_each_network_were_differentiated_alone():
    flags = ["--r1=0.4", "--r2=0.2", "--penalty_interval=1", "--classification=0"]
    gan = make(*flags, preset="fashion")
    generator, discriminator = gan.generator, gan.discriminator
    with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
        fakes = generator([latents(gan), BATCH_LABELS[:, 0]])
        one = BATCH_LABELS[:, 0]
        gap = discriminator([REAL, one]) - discriminator([fakes, one])
        generator_loss = tf.reduce_mean(tf.nn.softplus(gap))
        discriminator_loss = tf.reduce_mean(tf.nn.softplus(-gap))
        penalty = sum(
            gamma
            / 2
            * tf.reduce_mean(tf.reduce_sum(input_gradients(discriminator, x) ** 2, (1, 2, 3)))
            for gamma, x in ((0.4, REAL), (0.2, tf.stop_gradient(fakes)))
        )
        total = discriminator_loss + penalty
    expected = {
        "loss/generator": generator_loss,
        "loss/discriminator": discriminator_loss,
        "loss/penalty": penalty,
        "gradient_norm/generator": norm(
            generator_tape.gradient(generator_loss, generator.trainable_weights)
        ),
        "gradient_norm/discriminator": norm(
            discriminator_tape.gradient(total, discriminator.trainable_weights)
        ),
    }

    measured = metrics_of(gan)

    for name, value in expected.items():
        np.testing.assert_allclose(measured[name], value, rtol=1e-4, err_msg=name)


def test_the_gradient_penalty_is_taken_at_uniform_places_between_real_and_fake():
    gan = make("--critic_steps=1", "--dropout=0", preset="wgan_gp")
    critic = gan.discriminator
    fakes = gan.generator(latents(gan, "critic0/latents"), training=True)
    alpha = tf.reshape(BatchRng(0, 0, 0, 8).uniform("critic0/alpha", 1), (8, 1, 1, 1))
    assert float(tf.reduce_min(alpha)) >= 0 and float(tf.reduce_max(alpha)) < 1
    between = alpha * fakes + (1 - alpha) * REAL
    with tf.GradientTape() as tape:
        with tf.GradientTape() as inner:
            inner.watch(between)
            logits = critic(between)
        lengths = tf.norm(tf.reshape(inner.gradient(logits, between), (8, -1)), axis=1)
        penalty = 10 * tf.reduce_mean((lengths - 1) ** 2)
        loss = tf.reduce_mean(critic(fakes)) - tf.reduce_mean(critic(REAL))
        total = loss + penalty
    expected_norm = norm(tape.gradient(total, critic.trainable_weights))

    measured = metrics_of(gan)

    np.testing.assert_allclose(measured["loss/penalty"], penalty, rtol=1e-4)
    np.testing.assert_allclose(measured["loss/discriminator"], loss, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(measured["gradient_norm/discriminator"], expected_norm, rtol=1e-3)


def test_a_penalty_at_intervals_is_multiplied_by_the_interval_and_zero_between():
    always, rarely = (
        make("--r1=1", f"--penalty_interval={interval}", "--dropout=0", preset="dcgan")
        for interval in (1, 3)
    )
    first = metrics_of(rarely)["loss/penalty"]
    np.testing.assert_allclose(first, 3 * metrics_of(always)["loss/penalty"], rtol=1e-5)
    later = [metrics_of(rarely)["loss/penalty"] for _ in range(3)]
    assert later[0] == later[1] == 0 < later[2]


def test_penalties_decay_with_their_schedule():
    flags = ["--penalty_schedule=linear", "--penalty_final_factor=0.5", "--r1=1", "--dropout=0"]
    gan = make(*flags, preset="mlp")
    start = metrics_of(gan)["loss/penalty"]
    gan = make(*flags, preset="mlp")
    gan.step.assign(gan.horizon)
    assert gan.horizon == 100
    later = metrics_of(gan)["loss/penalty"]
    np.testing.assert_allclose(later, start / 2, rtol=1e-5)  # R1 does not depend on latents


def test_under_bfloat16_updates_with_a_penalty_are_in_float32_and_the_others_are_not():
    gan = make("--precision=bfloat16", preset="fashion")
    exact = make("--precision=float32", preset="fashion")
    images = pixels.to_floats(IMAGES[:8], -1.0)
    inputs = images, BATCH_LABELS, BatchRng(0, 0, 0, 8), ""
    np.testing.assert_array_equal(
        gan.logits(*inputs, penalised=True)[0], exact.logits(*inputs, penalised=True)[0]
    )
    rounded, precise = (each.logits(*inputs)[0].numpy() for each in (gan, exact))
    assert (rounded != precise).any()
    np.testing.assert_allclose(rounded, precise, atol=0.05 * np.abs(precise).max())
    assert gan.generator.get_layer("up1").compute_dtype == "bfloat16"
    assert make("--precision=bfloat16").discriminator.get_layer("down1").compute_dtype == "bfloat16"


def test_alternating_updates_train_the_generator_against_the_updated_discriminator():
    gan = make("--dropout=0", preset="classic")
    reference = make("--dropout=0", preset="classic")
    with tf.GradientTape() as tape:
        fakes = reference.generator(latents(reference, "critic0/latents"), training=True)
        loss = tf.reduce_mean(
            tf.nn.softplus(-reference.discriminator(REAL))
            + tf.nn.softplus(reference.discriminator(fakes))
        )
    weights = [weight.value for weight in reference.discriminator.trainable_weights]
    reference.discriminator_optimizer.apply(tape.gradient(loss, weights), reference.step)
    fakes = reference.generator(latents(reference, "generator/latents"), training=True)
    expected = tf.reduce_mean(tf.nn.softplus(-reference.discriminator(fakes)))

    measured = metrics_of(gan)

    np.testing.assert_allclose(measured["loss/discriminator"], loss, rtol=1e-5)
    np.testing.assert_allclose(measured["loss/generator"], expected, rtol=1e-5)


@pytest.mark.parametrize("loss", ["bce", "relativistic", "hinge", "lsgan"])
def test_a_confident_discriminator_still_gives_the_generator_its_gradients(loss):
    gan = make("--dropout=0", f"--loss={loss}", preset="mlp")
    bias = gan.discriminator.get_layer("logits").bias
    bias.assign(bias - 60.0)
    with tf.GradientTape() as tape:
        fakes = gan.generator(latents(gan), training=True)
        losses = LOSSES[loss].generator(gan.discriminator(REAL), gan.discriminator(fakes))
        mean = tf.reduce_mean(losses)
    expected = norm(tape.gradient(mean, gan.generator.trainable_weights))

    measured = metrics_of(gan)["gradient_norm/generator"]

    np.testing.assert_allclose(measured, expected, rtol=1e-4)
    assert measured > 0


def test_a_critic_has_a_batch_per_update_and_its_weights_are_clipped():
    gan = make("--critic_steps=3", preset="wgan")
    before = gan.generator.get_weights()
    metrics_of(gan, batches=3)
    assert all(np.abs(weight).max() <= 0.01 + 1e-9 for weight in gan.discriminator.get_weights())
    assert not np.array_equal(before[0], gan.generator.get_weights()[0])


def test_label_noise_gives_the_loss_of_soft_targets():
    gan = make("--label_noise=0.3", "--dropout=0")
    fakes = gan.generator(latents(gan), training=True)
    rng = BatchRng(0, 0, 0, 8)
    bce = keras.losses.BinaryCrossentropy(from_logits=True)
    expected = bce(1 - 0.3 * rng.uniform("real/target", 1), gan.discriminator(REAL)) + bce(
        0.3 * rng.uniform("fake/target", 1), gan.discriminator(fakes)
    )
    np.testing.assert_allclose(metrics_of(gan)["loss/discriminator"], expected, rtol=1e-5)


def test_augmentation_applies_to_both_networks():
    plain, augmented = make("--dropout=0"), make("--dropout=0", "--augment=translation,cutout")
    one, other = metrics_of(plain), metrics_of(augmented)
    assert one["score/real"] != other["score/real"] and one["score/fake"] != other["score/fake"]
    assert other["gradient_norm/generator"] > 0


@pytest.mark.parametrize(
    ("probability", "same_as"), [(0.0, ""), (1.0, "colour,translation,cutout")]
)
def test_adaptive_augmentation_starts_with_none_and_can_become_all(probability, same_as):
    adaptive = make("--augment=adaptive", "--dropout=0", preset="mlp")
    assert adaptive.augmentation is not None and adaptive.augmentation.probability == 0
    adaptive.augmentation.probability.assign(probability)
    expected = make(f"--augment={same_as}", "--dropout=0", preset="mlp")
    found = train(adaptive, ROWS[None])[0]
    np.testing.assert_allclose(found[:7], train(expected, ROWS[None])[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("recipe", "stream", "relative"),
    [
        (("mlp", "--dropout=0"), "latents", False),
        (
            ("mlp", "--dropout=0", "--update=alternating", "--loss=relativistic", "--conditional"),
            *("critic0/latents", True),
        ),
    ],
)
def test_augmentation_adapts_by_the_signs_of_real_logits(recipe, stream, relative):
    preset, *more = recipe
    gan = make("--augment=adaptive", *more, preset=preset)
    fakes = gan.generator(inputs_of(gan.generator, latents(gan, stream), BATCH_LABELS))
    real_logits, fake_logits = (
        gan.discriminator(inputs_of(gan.discriminator, images, BATCH_LABELS)).numpy()
        for images in (REAL, fakes)
    )

    found = dict(zip(METRICS + ADAPTIVE_METRICS, train(gan, ROWS[None])[0].numpy(), strict=True))

    signs = np.sign(real_logits - fake_logits if relative else real_logits)
    assert found["augmentation/mean_sign"] == signs.mean()
    assert gan.state()["augmentation"]["signs"].numpy() == signs.sum()
    assert found["augmentation/probability"] == 0  # until four updates are counted


def test_only_augmentation_that_adapts_is_in_the_state():
    assert "augmentation" not in make("--augment=cutout", preset="mlp").state()


def test_the_moving_average_follows_its_definition():
    gan = make("--ema_half_life=1000", preset="mlp")
    expected = [weight.numpy() for weight in gan.generator.weights]
    for step in range(4):
        train(gan, ROWS[None])
        # The half-life is a twentieth of the images seen, 8 per step.
        decay = 0.5 ** (8 / min(1000, 0.05 * 8 * (step + 1)))
        expected = [
            decay * old + (1 - decay) * new.numpy()
            for old, new in zip(expected, gan.generator.weights, strict=True)
        ]
    for ema, value in zip(gan.ema.values(), expected, strict=True):
        np.testing.assert_allclose(ema, value, rtol=1e-5, atol=1e-7)


def test_weights_in_the_moving_average_halve_with_the_half_life():
    late = tf.constant(10**6, tf.int64)
    assert float(decay_of(1000.0, 10, late)) == pytest.approx(0.5**0.01)
    assert float(decay_of(1000.0, 10, tf.constant(0, tf.int64))) == 0.5**20


def test_samples_are_from_the_moving_average():
    gan = make("--ema_half_life=1000", preset="mlp")
    inputs = latents(gan), BATCH_LABELS
    before = gan.sample(*inputs)
    for weight in gan.generator.weights:
        weight.assign(tf.zeros_like(weight.value))
    np.testing.assert_array_equal(gan.sample(*inputs), before)


def test_spectral_norms_are_one_after_the_power_iteration_has_converged():
    gan = make(preset="sngan")
    kernels = {kernel.path: kernel.value for kernel in spectral.kernels(gan.discriminator)}
    assert kernels.keys() == gan.singular_vectors.keys() and len(kernels) > 10
    for path, kernel in kernels.items():
        vector = gan.singular_vectors[path].value()
        for _ in range(200):
            vector = spectral.next_vector(kernel, vector)
        matrix = spectral.normalise(kernel, vector).numpy().reshape(-1, kernel.shape[-1])
        assert np.linalg.svd(matrix, compute_uv=False)[0] == pytest.approx(1, abs=1e-3), path


def test_spectral_normalisation_follows_the_weights_during_training():
    gan = make("--spectral_norm", "--loss=hinge", "--conditional")
    before = {path: vector.numpy() for path, vector in gan.singular_vectors.items()}
    metrics_of(gan)
    assert all(
        not np.array_equal(before[path], v.numpy())
        for path, v in gan.singular_vectors.items()
        if len(before[path]) > 1
    )
    for kernel in spectral.kernels(gan.discriminator):
        matrix = spectral.normalise(kernel.value, gan.singular_vectors[kernel.path]).numpy()
        largest = np.linalg.svd(matrix.reshape(-1, matrix.shape[-1]), compute_uv=False)[0]
        assert 0.99 < largest < 1.3


@pytest.mark.parametrize(
    "preset",
    [
        pytest.param(each, marks=pytest.mark.slow if each in SLOW else ())
        for each in presets.names()
    ],
)
def test_every_preset_trains_and_goes_on_from_its_state_bit_for_bit(preset):
    gan = make("--critic_steps=2" if preset in ("wgan", "wgan_gp") else "--seed=0", preset=preset)
    batch = 8 * gan.recipe.objective.critic_steps
    rows = np.random.default_rng(0).integers(0, 50, (4, batch))
    state = [variable for part in gan.state().values() for variable in part.values()]
    _, first_bad = train(gan, rows[:2])
    assert first_bad == -1
    halfway = [variable.numpy() for variable in state]
    train(gan, rows[2:])
    expected = [variable.numpy() for variable in state]
    train(gan, rows[2:])  # what is not in the state would be different now
    for variable, value in zip(state, halfway, strict=True):
        variable.assign(value)

    train(gan, rows[2:])

    for variable, value in zip(state, expected, strict=True):
        assert variable.numpy().tobytes() == value.tobytes(), variable.name
    latents, labels = tf.zeros([2, gan.recipe.networks.noise_dim]), tf.constant([[0], [1]])
    images = gan.sample(latents, labels, incomplete_pictures(gan.recipe, 2))
    assert images.shape == (2, 28, 28, 1) and np.isfinite(images).all()


def test_the_architecture_in_contributing_trains(monkeypatch):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(# trainer/models/tiny\.py.*?)```", text, re.DOTALL)
    tiny: dict[str, Any] = {}
    exec(code, tiny)
    added = architectures.Architecture(tiny["generator"], tiny["discriminator"])
    monkeypatch.setitem(architectures.ARCHITECTURES, "tiny", added)
    monkeypatch.setitem(choices.ARCHITECTURES, "tiny", choices.ArchitectureSpec(projects=True))

    gan = make("--architecture=tiny", "--conditional", "--r1=1", "--dropout=0", preset="mlp")

    assert np.isfinite(list(metrics_of(gan).values())).all()
