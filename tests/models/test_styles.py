"""Style-based generators: modulation, mixing, path lengths, truncation, exports."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from trainer.configuration import asked_labels, flags
from trainer.data import pixels
from trainer.editing import truncated_styles
from trainer.gan import fakes, path_length, sampling
from trainer.gan.networks import build_networks
from trainer.gan.state import FashionGAN
from trainer.models import image_noise, mapping, modulation
from trainer.models.conditioning import inputs_of
from trainer.models.layers import initialise
from trainer.models.modulation import (
    ModulatedConv2D,
    ModulatedConv2DTranspose,
    ModulatedUpsampling,
)
from trainer.randomness import BatchRng
from trainer.runs import export_formats
from trainer.runs.trained_networks import Trained
from trainer.system.exits import RefusedError

SMALL = ("--width=4", "--max_width=8", "--image_size=16", "--noise_dim=6", "--batch_size=4")


def recipe_of(architecture: str, *more: str):
    base = ["--job_dir=x", "--dataset=synthetic_garments", "--attributes=class,colour"]
    preset = "stylegan" if architecture == "stylegan" else "fashion"
    given = [
        *base,
        f"--preset={preset}",
        f"--architecture={architecture}",
        "--precision=float32",
        *SMALL,
        *more,
    ]
    return flags.train(["train", *given]).recipe


def trained(architecture: str, mapping_layers: int = 2) -> Trained:
    """Networks as if they had been trained: their noise has some strength."""
    recipe = recipe_of(architecture, f"--mapping_layers={mapping_layers}")
    generator, discriminator = build_networks(recipe, "float32")
    initialise(generator, 0, "generator")
    for layer in generator.layers:
        if getattr(layer, "noisy", False):
            layer.strength.assign(0.5)
            layer.bias.assign(np.linspace(-1, 1, layer.filters))
    return Trained(recipe, generator, discriminator, 1, "a run")


LATENTS = tf.constant(np.random.default_rng(0).normal(size=(4, 6)), tf.float32)
LABELS = tf.constant([[0, 1], [3, -1], [9, 7], [-1, -1]], tf.int32)


@pytest.mark.parametrize("transposed", [False, True])
def test_modulation_scales_and_normalises_the_kernel_of_each_example(transposed):
    rng = np.random.default_rng(1)
    images = tf.constant(rng.normal(size=(3, 5, 5, 6)), tf.float32)
    factors = tf.constant(rng.normal(size=(3, 6)) + 1, tf.float32)
    layer = ModulatedConv2DTranspose(7, 4, 2) if transposed else ModulatedConv2D(7, 3)
    outputs = layer(images, factors)

    kernel = layer.kernel.numpy()
    inputs_last = kernel if transposed else np.swapaxes(kernel, 2, 3)  # [k, k, filters, channels]
    for number in range(3):
        modulated = inputs_last * factors[number].numpy()
        squares = (modulated**2).sum((0, 1, 3)) / (4 if transposed else 1)
        normalised = modulated / np.sqrt(squares + 1e-8)[:, np.newaxis]
        image = images[number : number + 1]
        if transposed:
            shape = (1, 10, 10, 7)
            expected = tf.nn.conv2d_transpose(image, normalised, shape, 2, "SAME")
        else:
            expected = tf.nn.conv2d(image, np.swapaxes(normalised, 2, 3), 1, "SAME")
        expected = tf.nn.leaky_relu(modulation.GAIN * expected, modulation.SLOPE)
        np.testing.assert_allclose(outputs[number], expected[0], rtol=1e-4, atol=1e-5)


def test_modulated_upsampling_repeats_pixels_and_then_convolves():
    rng = np.random.default_rng(1)
    images = tf.constant(rng.normal(size=(3, 6, 6, 5)), tf.float32)
    factors = tf.constant(rng.normal(size=(3, 5)) + 1, tf.float32)
    layer = ModulatedUpsampling(7, 3)
    outputs = layer(images, factors)

    twice = np.repeat(np.repeat(images * factors[:, np.newaxis, np.newaxis], 2, 1), 2, 2)
    flipped = np.swapaxes(layer.kernel.numpy()[::-1, ::-1], 2, 3)
    expected = tf.nn.conv2d(twice, flipped, 1, "SAME")
    expected *= modulation.GAIN * modulation.demodulation(factors, layer.squares())[:, None, None]
    expected = tf.nn.leaky_relu(expected, modulation.SLOPE)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_modulated_upsampling_of_noise_has_variance_one_on_average():
    noise = tf.constant(np.random.default_rng(2).normal(size=(60, 20, 20, 8)), tf.float32)
    layer = ModulatedUpsampling(5, 3)
    factors = tf.ones([60, 8])
    layer(noise[:1], factors[:1])
    outputs = layer.convolved(noise) * modulation.demodulation(factors, layer.squares())[0]
    inner = outputs.numpy()[:, 3:-3, 3:-3]
    np.testing.assert_allclose(inner.var((0, 1, 2)), 1, rtol=0.1)


@pytest.mark.parametrize("architecture", ["stylegan", "stylegan_transposed"])
def test_what_is_flat_gets_no_mesh_by_upsampling(architecture):
    generator = trained(architecture).generator
    up = generator.get_layer("up1")
    flat = tf.ones([1, 6, 6, up.input[0].shape[-1]])
    outputs = up.convolved(flat).numpy()[0, 3:-3, 3:-3]
    has_mesh = np.ptp(outputs, axis=(0, 1)).max() > 1e-3
    assert has_mesh == (architecture == "stylegan_transposed")


@pytest.mark.parametrize(
    ("architecture", "layers"),
    [
        *(("style", 2), ("style", 0), ("stylegan", 2), ("stylegan", 0)),
        *(("stylegan_joint", 2), ("stylegan_transposed", 2)),
    ],
)
def test_mapping_and_synthesis_are_the_generator(architecture, layers):
    network = trained(architecture, layers)
    map_latents = mapping.mapping_network(network.generator)
    synthesise = mapping.synthesis_network(network.generator)
    noise = image_noise.fixed(network.generator, 4)

    styles = map_latents(inputs_of(map_latents, LATENTS, LABELS))
    images = synthesise(styles if noise is None else [styles, noise])

    np.testing.assert_array_equal(images, network.generate(LATENTS, LABELS))
    assert (noise is not None) == architecture.startswith("stylegan")


@pytest.mark.parametrize("architecture", ["style", "stylegan", "style_joint"])
def test_labels_reach_styles_beside_the_mapping_network_or_through_it(architecture):
    map_latents = mapping.mapping_network(trained(architecture).generator)
    moved = map_latents([LATENTS, LABELS]) - map_latents([LATENTS, LABELS[::-1]])
    by_latents, by_labels = tf.split(moved, [128 + 6, 6], axis=2)
    assert np.abs(by_labels).max() > 0.1
    assert bool(np.abs(by_latents).max() > 0.1) == (architecture == "style_joint")


def test_a_mapping_network_that_sees_labels_may_be_all_there_is_of_a_style():
    map_latents = mapping.mapping_network(trained("stylegan_joint").generator)
    styles = map_latents([LATENTS, LABELS])
    assert styles.shape[2] == 128
    assert np.abs(styles - map_latents([LATENTS, LABELS[::-1]])).max() > 0.1


def test_without_mapping_layers_a_style_is_latents_twice_and_labels():
    map_latents = mapping.mapping_network(trained("style", 0).generator)
    styles = map_latents([LATENTS, LABELS]).numpy()
    assert styles.shape == (4, 3, 6 + 6 + 6)
    twice = np.tile(np.concatenate([LATENTS, LATENTS], axis=1)[:, np.newaxis], (1, 3, 1))
    np.testing.assert_array_equal(styles[:, :, :12], twice)
    assert styles[0, 0, 12:].any() and not styles[3, :, 12:].any()


def test_truncation_moves_styles_towards_the_average_of_their_labels():
    network = trained("style")
    labels = [(0, 1), (3, -1)]
    asked = tf.constant([*labels, *labels], tf.int32)
    none = truncated_styles.truncated(network, 0.0, labels)(LATENTS, asked).numpy()
    half = truncated_styles.truncated(network, 0.5, labels)(LATENTS, asked).numpy()
    whole = truncated_styles.truncated(network, 1.0, labels)(LATENTS, asked).numpy()
    np.testing.assert_allclose(whole, network.generate(LATENTS, asked), atol=1e-5)
    np.testing.assert_allclose(none[0], none[2], atol=1e-5)
    assert np.abs(none[0] - none[1]).max() > 0.01
    assert np.abs(half[0] - half[2]).mean() < np.abs(whole[0] - whole[2]).mean()


def test_mixed_rows_begin_with_their_own_style_and_end_with_another():
    gan = FashionGAN(recipe_of("style", "--style_mixing=0.5"), 10)
    own, others = tf.zeros([400, 3, 2]), tf.ones([400, 3, 2])
    mixed = fakes.mixed(gan, own, others, BatchRng(0, 0, 0, 400), "")[:, :, 0].numpy()
    assert (mixed[:, 0] == 0).all() and (np.diff(mixed, axis=1) >= 0).all()
    assert 0.4 < (mixed[:, 2] == 1).mean() < 0.6  # as many as are asked for
    assert 0.4 < mixed[mixed[:, 2] == 1, 1].mean() < 0.6  # from either layer on
    later = fakes.mixed(gan, own[1:], others[1:], BatchRng(0, 0, 1, 399), "")[:, :, 0]
    np.testing.assert_array_equal(later, mixed[1:])


def test_path_lengths_are_those_of_the_jacobian():
    gan = FashionGAN(recipe_of("stylegan", "--path_length=2"), 10)
    rng, labels = BatchRng(0, 0, 0, 2), LABELS[:2]
    found = path_length.path_lengths(gan, labels, rng)

    styles = gan.styles(fakes.latents_of(gan, rng, "path/"), labels)
    noise = image_noise.drawn(gan.generator, rng, "path/")
    with tf.GradientTape() as tape:
        tape.watch(styles)
        images = gan.synthesise(styles, noise)
    jacobian = tape.batch_jacobian(images, styles).numpy()  # [2, H, W, C, layers, size]
    direction = rng.normal("path/direction", 16 * 16 * 3).numpy().reshape(2, 16, 16, 3) / 16
    along = np.einsum("nhwc,nhwcls->nls", direction, jacobian)
    np.testing.assert_allclose(found, np.sqrt((along**2).sum(2).mean(1)), rtol=1e-3)


def test_path_lengths_are_penalised_at_times_and_their_mean_is_part_of_the_state():
    gan = FashionGAN(recipe_of("stylegan", "--path_length=2"), 10)
    mean = gan.state()["path_length"]["mean"]
    path_length.update_mean(mean, tf.constant(5.0), tf.constant(0, tf.int64))
    path_length.update_mean(
        mean, tf.constant(900.0), tf.constant(1, tf.int64)
    )  # of no meaning then
    assert float(mean) == pytest.approx(0.05)
    gradients, _ = path_length.gradients(gan, mean, LABELS, BatchRng(0, 0, 0, 4))
    assert any(np.abs(each).max() > 0 for each in gradients)
    gan.step.assign(1)
    gradients, length = path_length.gradients(gan, mean, LABELS, BatchRng(0, 1, 0, 4))
    assert length == 0 and all(np.abs(each).max() == 0 for each in gradients)


LOAD = """
import sys
import keras, numpy as np, tensorflow as tf
folder = sys.argv[1]
given = np.load(folder + "/given.npz")
names = ["latents", "labels"]
if "noise" in given:
    model = keras.models.load_model(folder + "/input.keras", compile=False)
    inputs = [given[name] for name in [*names, "noise"]]
    np.testing.assert_allclose(model(inputs), given["images"], atol=1e-4)
model = keras.models.load_model(folder + "/fixed.keras", compile=False)
np.testing.assert_allclose(model([given[name] for name in names]), given["fixed"], atol=1e-4)
loaded = tf.saved_model.load(folder + "/saved")
served = loaded.serve([tf.constant(given[name]) for name in names])
np.testing.assert_allclose(served, given["fixed"], atol=1e-4)
sampled = loaded.sample(tf.constant(130, tf.int64), tf.constant(1, tf.int64))
np.testing.assert_allclose(sampled, given["sampled"], atol=1e-2)
runner = tf.lite.Interpreter(model_path=folder + "/fixed.tflite").get_signature_runner()
shown = runner(**{name: given[name][:1] for name in names})
np.testing.assert_allclose(next(iter(shown.values())), given["fixed"][:1], atol=1e-3)
assert "trainer" not in sys.modules
"""


def test_an_image_has_the_noise_of_its_number_in_whatever_batch():
    generator = trained("stylegan", 2).generator
    of_all = image_noise.fixed(generator, 300).numpy()
    assert len(np.unique(of_all[:, 0])) == 300
    np.testing.assert_array_equal(image_noise.fixed(generator, 2, 297), of_all[297:299])
    numbers = [299, 0, 128]
    np.testing.assert_array_equal(image_noise.numbered(generator, numbers), of_all[numbers])


@pytest.mark.parametrize(
    ("architecture", "layers"), [("style", 0), pytest.param("stylegan", 2, marks=pytest.mark.slow)]
)
def test_exports_hold_it_without_this_package(architecture, layers, tmp_path):
    network = trained(architecture, layers)
    noise, same = (image_noise.fixed(network.generator, rows) for rows in (4, 1))
    given = {"latents": LATENTS, "labels": LABELS}
    if noise is not None:
        given["noise"], same = noise, tf.tile(same, [4, 1])
        export_formats.write(network, "generator", "keras", tmp_path / "input.keras", "input")
    given["fixed"] = network.generator(inputs_of(network.generator, LATENTS, LABELS, same))
    cycle = asked_labels.cycle(network.recipe)
    sampled = np.concatenate(  # two batches
        list(sampling.sample_batches(network.generate, network.recipe, 130, 1, cycle))
    )
    given["sampled"] = pixels.to_floats(sampled, -1)
    np.savez(tmp_path / "given.npz", images=network.generate(LATENTS, LABELS), **given)
    export_formats.write(network, "generator", "keras", tmp_path / "fixed.keras")
    export_formats.write(network, "generator", "saved_model", tmp_path / "saved")
    export_formats.write(network, "generator", "tflite", tmp_path / "fixed.tflite")
    path = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", LOAD, tmp_path], cwd=tmp_path, env=path, check=True)

    with pytest.raises(RefusedError, match="use --format=keras"):
        export_formats.write(network, "generator", "h5", tmp_path / "x.h5")


def test_a_network_without_styles_has_none_to_mix_or_to_penalise():
    for flag in ("--style_mixing=0.9", "--path_length=2"):
        with pytest.raises(RefusedError, match="--architecture=dcgan has none"):
            flags.train(["train", "--job_dir=x", "--preset=dcgan", flag])
