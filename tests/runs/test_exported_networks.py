"""Exports of networks of every kind, as if they had been trained."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.editing.networks import PRESETS, trained
from tests.incomplete_pictures import incomplete_pictures
from trainer import run_layout
from trainer.configuration import choices
from trainer.gan.networks import build_networks
from trainer.models import image_noise
from trainer.models.conditioning import inputs_of
from trainer.runs import export_formats, model_card

LABELS = tf.constant([[3, 1], [0, -1]], tf.int32)


# Keras looks for groups of operations that have no weights.
@pytest.mark.filterwarnings("ignore:Skipping nested container")
@pytest.mark.parametrize("name", PRESETS)
def test_weights_load_into_the_networks_that_this_package_builds(name, tmp_path):
    networks = trained(name)
    built = build_networks(networks.recipe, "float32")
    labels = LABELS[:, : len(networks.recipe.data.attributes)]
    latents = tf.random.stateless_normal([2, 6], [0, 1])
    pictures = tf.random.stateless_uniform([2, *networks.recipe.data.image_shape], [2, 3])
    noise = image_noise.fixed(networks.generator, 2)
    asked = incomplete_pictures(networks.recipe, 2)
    for loaded in built:
        path = tmp_path / f"{loaded.name}.weights.h5"
        export_formats.write(networks, loaded.name, "weights", path)
        loaded.load_weights(path)
        network = getattr(networks, loaded.name)
        if network is networks.generator:
            inputs = inputs_of(network, latents, labels, noise, incomplete=asked)
        else:
            inputs = inputs_of(network, pictures, labels)
        tf.nest.map_structure(np.testing.assert_array_equal, loaded(inputs), network(inputs))


def test_every_format_that_can_be_asked_for_is_written():
    assert export_formats.WRITERS.keys() == choices.EXPORT_SUFFIXES.keys()


def test_the_code_on_the_card_of_a_generator_gives_it_the_noise_that_it_takes(
    tmp_path, monkeypatch
):
    networks = trained("stylegan")
    for noise, inputs in (("fixed", 2), ("input", 3)):
        folder = tmp_path / noise
        folder.mkdir()
        path = folder / "generator.keras"
        export_formats.write(networks, "generator", "keras", path, noise)
        model_card.write(folder, tmp_path, "stylegan", networks, noise)
        card = (folder / run_layout.CARD).read_text()
        assert "samples.png" not in card  # of a run that is not finished
        monkeypatch.chdir(folder)
        shown: dict = {}
        exec(card.split("```python\n")[1].split("```")[0], shown)
        assert shown["images"].shape == (8, *networks.recipe.data.image_shape)
        assert len(shown["generator"].inputs) == inputs
