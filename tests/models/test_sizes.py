"""Networks for pictures of 16 to 256 pixels, and of any capacity."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.incomplete_pictures import incomplete_pictures
from trainer.configuration import choices, flags
from trainer.configuration.config import Recipe
from trainer.data import feeding
from trainer.data.datasets import IMAGE_SIZES, halvings
from trainer.gan.multi_step_graph import make_train_steps
from trainer.gan.networks import build_networks
from trainer.gan.state import FashionGAN
from trainer.models import flops

CONVOLUTIONAL = [name for name, spec in choices.ARCHITECTURES.items() if spec.width]
SMALL = ("--width=4", "--max_width=12")

# Parameters of generator and discriminator for coloured pictures of 28, 32 and 64 pixels, without
# labels: what runs of earlier versions have.
PARAMETERS = {
    "classic": {28: (868_483, 56_833), 32: (1_459_843, 260_673), 64: (5_168_003, 1_082_177)},
    "cropped": {28: (797_123, 4_308_609), 32: (797_123, 4_308_609), 64: (834_243, 17_418_881)},
    "dcgan": {28: (2_334_144, 216_065), 32: (5_159_360, 1_033_345), 64: (19_120_576, 4_314_753)},
    "fashion": {28: (798_275, 911_329), 32: (1_102_915, 985_313), 64: (3_614_019, 2_919_137)},
    "mlp": {28: (1_364_016, 1_336_321), 32: (1_733_376, 1_704_961), 64: (6_461_184, 6_423_553)},
    "r3gan": {28: (1_505_955, 2_964_449), 32: (1_308_579, 1_784_993), 64: (1_751_139, 2_227_553)},
    "residual": {28: (475_779, 264_769), 32: (340_995, 342_785), 64: (419_523, 420_801)},
    "residual_mean": {28: (475_779, 264_769), 32: (340_995, 342_785), 64: (419_523, 420_801)},
    "style": {28: (1_464_067, 911_329), 32: (1_602_563, 985_313), 64: (4_626_179, 2_919_137)},
    "style_joint": {28: (1_674_499, 911_329), 32: (1_759_235, 985_313), 64: (4_911_875, 2_919_137)},
    "stylegan_joint": {
        28: (476_654, 1_161_761),
        32: (932_211, 1_031_457),
        64: (1_391_992, 1_441_825),
    },
    "stylegan_transposed": {
        28: (540_654, 1_161_761),
        32: (1_829_619, 1_998_881),
        64: (6_644_216, 6_982_689),
    },
    "upsampling": {
        28: (1_983_619, 1_114_945),
        32: (1_966_723, 1_143_617),
        64: (2_376_451, 1_667_905),
    },
}


def recipe_of(architecture: str, side: int, *given: str) -> Recipe:
    """Of coloured pictures of that size."""
    arguments = ["--job_dir=x", "--dataset=synthetic", "--preset=dcgan", "--dropout=0"]
    if choices.ARCHITECTURES[architecture].completes:
        arguments.append("--masks=box")
    asked = flags.train(["train", *arguments, f"--architecture={architecture}", *given])
    data = dataclasses.replace(asked.recipe.data, image_shape=(side, side, 3))
    return dataclasses.replace(asked.recipe, data=data)


def channels(network: keras.Model) -> list[int]:
    """Of each convolution, in the order of the network."""
    convolutions = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    return [layer.filters for layer in network.layers if isinstance(layer, convolutions)]


def test_sides_are_halved_down_to_four_to_seven_pixels():
    assert {side: halvings(side) for side in (16, 28, 32, 48, 64, 80, 256)} == {
        16: 2, 28: 2, 32: 3, 48: 3, 64: 4, 80: 4, 256: 6,
    }  # fmt: skip
    assert {side >> halvings(side) for side in IMAGE_SIZES} == {4, 5, 6, 7}
    assert len(IMAGE_SIZES) == 17 and (min(IMAGE_SIZES), max(IMAGE_SIZES)) == (16, 256)


@pytest.mark.parametrize("architecture", PARAMETERS)
def test_the_networks_of_earlier_sizes_stay_what_they_were(architecture):
    found = {}
    for side in (28, 32, 64):
        networks = build_networks(recipe_of(architecture, side), "float32")
        assert_fit(side, *networks)
        found[side] = tuple(network.count_params() for network in networks)
    assert found == PARAMETERS[architecture]


def assert_fit(side: int, generator: keras.Model, discriminator: keras.Model) -> None:
    """They are of coloured pictures of that size."""
    assert generator.output_shape == (None, side, side, 3)
    assert discriminator.output_shape == (None, 1)


TRAINED = {  # what takes longest to trace at the smallest
    "classic": 80,
    "comodulated": 16,
    "cropped": 48,
    "dcgan": 48,
    "fashion": 80,
    "mlp": 48,
    "r3gan": 16,
    "residual": 16,
    "residual_mean": 16,
    "style": 48,
    "style_joint": 16,
    "stylegan": 16,
    "stylegan_joint": 16,
    "stylegan_transposed": 16,
    "upsampling": 16,
}


@pytest.mark.parametrize("architecture", choices.ARCHITECTURES)
def test_every_architecture_trains_at_sizes_of_other_depths(architecture):
    side, small = TRAINED[architecture], SMALL if choices.ARCHITECTURES[architecture].width else ()
    gan = FashionGAN(recipe_of(architecture, side, *small, "--conditional", "--batch_size=2"), 100)
    images = np.random.default_rng(0).integers(0, 256, (4, side, side, 3), np.uint8)
    feed = feeding.Resident(images, np.arange(4)[:, np.newaxis], ["/cpu:0"])
    train_steps = make_train_steps(gan, tf.distribute.OneDeviceStrategy("/cpu:0"), feed)

    metrics, first_bad = train_steps(*feed.send(np.array([[3, 1]], np.int32)))

    assert first_bad == -1 and np.isfinite(metrics).all()
    latents, labels = tf.zeros([2, gan.recipe.networks.noise_dim]), tf.constant([[0], [1]])
    samples = gan.sample(latents, labels, incomplete_pictures(gan.recipe, 2))
    assert samples.shape == (2, side, side, 3)


@pytest.mark.parametrize("side", [16, 48, 80, 256])
@pytest.mark.parametrize("architecture", CONVOLUTIONAL)
def test_every_architecture_has_networks_of_any_size(architecture, side):
    assert_fit(side, *build_networks(recipe_of(architecture, side, *SMALL), "float32"))


def test_channels_double_with_each_halving_up_to_the_most():
    generator, discriminator = build_networks(recipe_of("fashion", 256), "float32")
    assert channels(generator) == [512, 512, 256, 128, 64, 32, 3]
    assert channels(discriminator) == [32, 64, 128, 256, 512, 512, 512]
    _, discriminator = build_networks(recipe_of("fashion", 256, "--max_width=64"), "float32")
    assert channels(discriminator) == [32, 64, 64, 64, 64, 64, 64]


@pytest.mark.parametrize("architecture", CONVOLUTIONAL)
def test_twice_the_width_is_twice_the_channels_everywhere(architecture):
    spec = choices.ARCHITECTURES[architecture]
    own = build_networks(recipe_of(architecture, 32), "float32")
    wide = build_networks(recipe_of(architecture, 32, f"--width={2 * spec.width}"), "float32")
    for network, wider in zip(own, wide, strict=True):
        expected = [count if count == 3 else 2 * count for count in channels(network)]
        assert channels(wider) == expected
        assert flops.multiply_adds(wider) > 1.5 * flops.multiply_adds(network)


def test_the_most_channels_hold_in_every_layer():
    for architecture in CONVOLUTIONAL:
        networks = build_networks(recipe_of(architecture, 64, *SMALL), "float32")
        assert max(max(channels(network)) for network in networks) == 12, architecture
