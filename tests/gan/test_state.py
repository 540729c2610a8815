"""FashionGAN: networks, initial weights, the step."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.configuration import flags
from trainer.data import feeding, pixels
from trainer.gan.multi_step_graph import make_train_steps
from trainer.gan.state import FashionGAN
from trainer.gan.training_step import METRICS
from trainer.models.keras_layers import with_keras_layers
from trainer.models.layers import BatchNormalization, initialise
from trainer.randomness import BatchRng, layers_draw_from

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1), np.uint8)


LABELS = np.arange(50)[:, np.newaxis] % 10


def make(*more, preset="dcgan"):
    """An untrained GAN of a preset, at batch 8, of few channels."""
    base = ["--job_dir=x", "--batch_size=8", "--dataset=synthetic", "--precision=float32"]
    if preset != "mlp":
        base += ["--width=8"]
    recipe = flags.train(["train", *base, f"--preset={preset}", *more]).recipe
    return FashionGAN(recipe, horizon=100)


def train(gan, rows):
    feed, train_steps = _traced_once(gan)
    return train_steps(*feed.send(np.asarray(rows, np.int32)))


@functools.lru_cache(maxsize=2)
def _traced_once(gan):
    feed = feeding.Resident(IMAGES, LABELS, ["/cpu:0"])
    return feed, make_train_steps(gan, tf.distribute.OneDeviceStrategy("/cpu:0"), feed)


def test_the_networks_have_the_sizes_of_the_tutorial_s():
    gan = make("--width=64")
    assert gan.generator.count_params() == 2_330_944
    assert gan.discriminator.count_params() == 212_865
    images = gan.sample(tf.zeros([3, 100]), tf.zeros([3]))
    assert images.shape == (3, 28, 28, 1)
    assert float(tf.reduce_max(tf.abs(images))) <= 1
    assert gan.discriminator(images).shape == (3, 1)


def test_initial_weights_depend_on_the_seed_alone():
    tf.random.set_seed(1)
    one = make()
    tf.random.set_seed(2)
    same = make()
    other = make("--seed=1")
    for left, right in zip(one.generator.get_weights(), same.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    kernels = [gan.discriminator.get_layer("down1").kernel.numpy() for gan in (one, other)]
    assert not np.array_equal(*kernels)
    first = one.generator.get_layer("dense").kernel.numpy().ravel()[:100]
    second = one.discriminator.get_layer("logits").kernel.numpy().ravel()[:100]
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.5


def test_a_weight_that_keras_would_draw_from_global_state_is_refused():
    network = keras.Sequential([keras.Input((3,), dtype="int32"), keras.layers.Embedding(5, 2)])
    with pytest.raises(ValueError, match="drawn from global state"):
        initialise(network, 0, "network")


def test_a_step_is_one_simultaneous_update_by_adam_of_the_mean_losses():
    gan = make("--dropout=0")
    rows = np.arange(8)[None]
    expected = make("--dropout=0")
    latents = BatchRng(0, 0, 0, 8).normal("latents", 100)
    with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
        fakes = expected.generator(latents, training=True)
        real_logits = expected.discriminator(pixels.to_floats(IMAGES[:8], -1.0))
        fake_logits = expected.discriminator(fakes)
        bce = tf.keras.losses.BinaryCrossentropy(from_logits=True)
        generator_loss = bce(tf.ones([8, 1]), fake_logits)
        discriminator_loss = bce(tf.ones([8, 1]), real_logits) + bce(tf.zeros([8, 1]), fake_logits)
    for tape, loss, network in (
        (generator_tape, generator_loss, expected.generator),
        (discriminator_tape, discriminator_loss, expected.discriminator),
    ):
        optimizer = tf.keras.optimizers.Adam(1e-4)
        optimizer.apply(tape.gradient(loss, network.trainable_weights), network.trainable_weights)

    metrics, first_bad = train(gan, rows)

    assert first_bad == -1 and gan.step == 1
    named = dict(zip(METRICS, metrics.numpy(), strict=True))
    np.testing.assert_allclose(named["loss/generator"], generator_loss, rtol=1e-5)
    np.testing.assert_allclose(named["loss/discriminator"], discriminator_loss, rtol=1e-5)
    np.testing.assert_allclose(
        named["score/real"], tf.reduce_mean(tf.sigmoid(real_logits)), rtol=1e-5
    )
    # Adam's first step is the sign of the gradient: where that is clear, weights agree.
    for network in ("generator", "discriminator"):
        before = getattr(make(), network).get_weights()
        ours, theirs = (getattr(state, network).get_weights() for state in (gan, expected))
        for start, mine, reference in zip(before, ours, theirs, strict=True):
            assert np.mean(np.abs(mine - reference) < 1e-6) > 0.99
            assert np.mean(mine != start) > 0.9


def test_one_loop_of_steps_gives_the_same_weights_as_several():
    rows = np.random.default_rng(1).integers(0, 50, (6, 8))
    one_loop, several = make(), make()

    train(one_loop, rows)
    for part in (rows[:1], rows[1:4], rows[4:]):
        train(several, part)

    for left, right in zip(
        one_loop.generator.get_weights(), several.generator.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(left, right)


def test_the_first_step_that_is_not_finite_is_named():
    gan = make()
    train(gan, np.zeros((2, 8)))
    gan.discriminator.get_layer("logits").bias.assign([np.nan])
    _, first_bad = train(gan, np.zeros((3, 8)))
    assert first_bad == 3


def test_bfloat16_keeps_variables_and_outputs_in_float32():
    gan = make("--precision=bfloat16")
    assert gan.generator.get_layer("up1").compute_dtype == "bfloat16"
    assert {v.dtype for v in gan.generator.weights + gan.discriminator.weights} == {"float32"}
    assert gan.sample(tf.zeros([1, 100]), tf.zeros([1])).dtype == tf.float32
    assert gan.discriminator(IMAGES[:1]).dtype == tf.float32
    assert make().generator.get_layer("up1").compute_dtype == "float32"


def test_networks_without_our_layers_compute_the_same():
    gan = make()
    clone = with_keras_layers(gan.discriminator)
    assert {type(layer).__module__.split(".")[0] for layer in clone.layers} == {"keras"}
    images = pixels.to_floats(IMAGES[:4], -1.0)
    np.testing.assert_allclose(clone(images), gan.discriminator(images), atol=1e-6)


def test_weights_that_overflow_are_found_before_they_are_saved():
    gan = make("--generator_learning_rate=1e38")
    metrics, first_bad = train(gan, np.zeros((1, 8)))
    assert np.isfinite(metrics).all()
    assert first_bad == 1


def test_batch_normalisation_is_keras_s_own_up_to_rounding():
    ours, theirs = BatchNormalization(momentum=0.9), keras.layers.BatchNormalization(momentum=0.9)
    inputs = tf.constant(np.random.default_rng(0).normal(3, 2, (16, 5, 5, 4)), tf.float32)
    gradients = []
    for layer in (ours, theirs):
        layer.build(inputs.shape)
        layer.gamma.assign([0.5, 1, 2, -1])
        layer.beta.assign([1, -1, 0, 3])
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs, training=True) ** 3)
        gradients.append(tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value]))
    for left, right in zip(*gradients, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-3)
    for left, right in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5)
    np.testing.assert_allclose(ours(inputs), theirs(inputs), atol=1e-5)


def test_batch_normalisation_in_bfloat16_is_that_in_float32_up_to_rounding():
    random = np.random.default_rng(0)
    inputs = tf.cast(random.normal(3, 2, (16, 5, 5, 4)), tf.bfloat16)
    output_gradients = tf.cast(random.normal(size=inputs.shape), tf.bfloat16)
    results = []
    for policy, dtype in (("mixed_bfloat16", tf.bfloat16), ("float32", tf.float32)):
        layer = BatchNormalization(dtype=policy)
        values = tf.cast(inputs, dtype)
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = layer(values, training=True)
        sources = [values, layer.gamma.value, layer.beta.value]
        gradients = tape.gradient(
            outputs, sources, output_gradients=tf.cast(output_gradients, dtype)
        )
        results.append([tf.cast(each, tf.float32).numpy() for each in (outputs, *gradients)])
    for rounded, exact in zip(*results, strict=True):
        np.testing.assert_allclose(rounded, exact, atol=0.02 * np.abs(exact).max())


def test_training_needs_a_source_of_random_numbers():
    gan = make()
    with pytest.raises(RuntimeError, match="layers_draw_from"):
        gan.discriminator(tf.zeros([2, 28, 28, 1]), training=True)
    with layers_draw_from(BatchRng(0, 0, 0, 2), "real"):
        gan.discriminator(tf.zeros([2, 28, 28, 1]), training=True)
