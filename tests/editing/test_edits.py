"""Other labels, directions and mixed styles."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.editing.networks import synthesis, trained
from trainer.commands import redrawn
from trainer.data import array_files
from trainer.editing import (
    codes,
    directions,
    effects,
    labels_changed,
    mixing,
    picture_measures,
    sheets,
)
from trainer.editing.codes import Codes
from trainer.editing.synthesis import Synthesis
from trainer.gan import image_batches, sampling
from trainer.models import mapping
from trainer.system.exits import RefusedError

CYCLE = [(3, 1), (0, 2), (9, 7)]


@pytest.fixture(scope="module")
def styles() -> Synthesis:
    return synthesis("style")


@pytest.fixture(scope="module", params=["style", "stylegan", "plain", "unconditional", "mlp"])
def made(request: pytest.FixtureRequest) -> Synthesis:
    return synthesis(request.param)


def sampled(made: Synthesis, num: int = 4, seed: int = 0) -> Codes:
    cycle = [row + (-1,) * 9 for row in CYCLE]
    return made.sampled(num, seed, [row[: len(made.recipe.data.attributes)] for row in cycle])


@pytest.mark.parametrize("name", ["style", "plain"])
def test_another_label_is_all_that_changes(name):
    made = synthesis(name)
    codes = sampled(made)
    changed = labels_changed.changed(made, codes, np.tile([5, -1], (4, 1)))
    assert changed.labels[:, 0].tolist() == [5] * 4
    np.testing.assert_array_equal(changed.labels[:, 1], codes.labels[:, 1])
    np.testing.assert_array_equal(changed.latents, codes.latents)
    expected = made.codes(codes.latents, changed.labels)
    difference = made.images(changed).astype(int) - made.images(expected)
    assert np.abs(difference).max() <= 1
    assert not np.array_equal(made.images(changed), made.images(codes))


def test_styles_that_were_found_keep_what_was_found(styles):
    codes = sampled(styles)
    found = dataclasses.replace(codes, styles=codes.styles + 0.25)
    changed = labels_changed.changed(styles, found, np.tile([5, 5], (4, 1)))
    mapped = styles.codes(codes.latents, changed.labels)
    np.testing.assert_allclose(changed.styles, mapped.styles + 0.25, atol=1e-5)
    same = labels_changed.changed(styles, found, np.full((4, 2), -1))
    np.testing.assert_array_equal(same.styles, found.styles)


def test_no_strength_is_the_original_and_a_direction_is_a_standard_deviation_long(made):
    attributes = len(made.recipe.data.attributes)
    pairs = [(row // 2 % 10, row // 2 % 8, -1)[:attributes] for row in range(80)]
    found, codes = directions.closed_form(made), made.sampled(400, 1, pairs)
    still = found.moved(codes, 1, np.zeros(len(codes)))
    np.testing.assert_array_equal(made.images(still), made.images(codes))
    values = codes.latents if codes.styles is None else codes.styles[:, 0]
    unit = found.vectors[:3] / np.linalg.norm(found.vectors[:3], axis=1, keepdims=True)
    spread = ((values[::2] - values[1::2]) @ unit.T).std(axis=0) / 2**0.5
    np.testing.assert_allclose(np.linalg.norm(found.vectors[:3], axis=1), spread, rtol=0.3)
    moved = found.moved(codes, 1, np.full(len(codes), 2.0))
    assert not np.array_equal(made.images(moved), made.images(codes))


def test_directions_change_nothing_that_labels_alone_decide(styles):
    found = directions.closed_form(styles)
    labels = np.array([[3, 1], [0, 7]])
    latents = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    of_labels = np.stack(
        [styles.codes(latents, row[np.newaxis].repeat(2, 0)).styles[:, 0] for row in labels]
    )
    decided = (np.ptp(of_labels, axis=1) < 1e-6).all(axis=0)
    assert decided.sum() == 6  # the labels' embedding
    np.testing.assert_allclose(found.vectors[:, decided], 0, atol=1e-6)
    assert (np.abs(found.vectors[:, ~decided]).max(axis=0) > 0.01).all()


def test_directions_stay_where_samples_are(styles):
    """A style without a mapping network has the latents twice: both copies move alike."""
    vectors = directions.closed_form(styles).vectors
    assert len(vectors) == styles.recipe.networks.noise_dim == 6
    np.testing.assert_allclose(vectors[:, :6], vectors[:, 6:12], atol=1e-5)
    lengths = np.linalg.norm(vectors, axis=1) / 2**0.5  # of both copies
    np.testing.assert_allclose(lengths, 1, atol=0.15)  # a standard deviation of latents
    mapped = Synthesis(trained("style", "--mapping_layers=2"))
    assert len(directions.closed_form(mapped).vectors) > 12  # mapped ones vary beside their own


def test_directions_are_orthogonal_and_the_weights_act_most_along_the_first(made):
    vectors = directions.closed_form(made).vectors.astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(vectors)), atol=1e-4)
    if made.style_shape:
        kernels = [each for layer in mapping.style_kernels(made.generator) for each in layer]
        weights = np.concatenate(kernels, axis=1)
    else:
        dense = next(layer for layer in made.generator.layers if layer.name.startswith("dense"))
        weights = dense.kernel.numpy()[: made.recipe.networks.noise_dim]
    reach = np.linalg.norm(vectors @ (weights / np.linalg.norm(weights, axis=0)), axis=1)
    assert (np.diff(reach) < 1e-4).all()


def test_each_layer_has_the_kernels_that_its_style_meets(styles):
    assert [len(each) for each in mapping.style_kernels(styles.generator)] == [1, 1, 1][:3]
    stylegan = synthesis("stylegan")
    kernels = mapping.style_kernels(stylegan.generator)
    layers, size = stylegan.style_shape
    assert len(kernels) == layers and all(kernels)
    assert {kernel.shape[0] for each in kernels for kernel in each} == {size}


def test_directions_move_the_layers_that_are_asked_for(styles):
    codes, found = sampled(styles), directions.closed_form(styles, [1])
    moved = found.moved(codes, 1, np.ones(4))
    np.testing.assert_array_equal(moved.styles[:, [0, 2]], codes.styles[:, [0, 2]])
    assert not np.array_equal(moved.styles[:, 1], codes.styles[:, 1])
    with pytest.raises(RefusedError, match="layers 0 to 2"):
        directions.closed_form(styles, [3])
    with pytest.raises(RefusedError, match="no styles"):
        directions.closed_form(synthesis("plain"), [0])


def test_mixtures_of_a_set_with_itself_have_the_originals_on_the_diagonal(styles):
    codes = sampled(styles)
    sheet = sheets.of_mixtures(codes, codes, [1, 2])
    images = styles.images(sheet.codes).reshape(4, 4, 16, 16, 3)
    np.testing.assert_array_equal(images[range(4), range(4)], styles.images(codes))
    table = sheet.with_edges(styles, styles.images(sheet.codes)).reshape(5, 5, 16, 16, 3)
    np.testing.assert_array_equal(table[0, 1:], styles.images(codes))
    np.testing.assert_array_equal(table[1:, 0], styles.images(codes))
    np.testing.assert_array_equal(table[1:, 1:], images)
    grid = sheet.codes.styles.reshape(4, 4, *styles.style_shape)
    np.testing.assert_array_equal(grid[2, 3, 0], codes.styles[2, 0])
    np.testing.assert_array_equal(grid[2, 3, 1:], codes.styles[3, 1:])
    assert mixing.fine_layers(3) == [1, 2] and mixing.fine_layers(6) == [3, 4, 5]


def test_a_sheet_has_an_image_a_row_and_an_edit_a_column(styles):
    codes = sampled(styles, 3)
    sheet = sheets.of_labels(styles, codes, [(5, -1), (-1, 0)], ["five", "red"])
    assert sheet.columns == ("original", "five", "red")
    np.testing.assert_array_equal(sheet.codes.styles[::3], codes.styles)
    assert sheet.codes.labels.tolist()[:3] == [[3, 1], [5, 1], [3, 0]]
    slowly = sheets.of_labels(styles, codes, [(5, -1)], ["five"], gradually=True)
    assert len(slowly.columns) == 13
    np.testing.assert_array_equal(slowly.codes.styles[12], sheet.codes.styles[1])
    found = directions.closed_form(styles)
    table = sheets.along(codes, found, [1, 2], [-1.0, 0.0, 1.0])
    assert table.columns == ("-1", "0", "+1") and len(table.codes) == 3 * 2 * 3
    expected = found.moved(codes.rows(slice(1, 2)), 2, np.array([1.0]))
    np.testing.assert_array_equal(table.codes.styles[1 * 6 + 1 * 3 + 2], expected.styles[0])


def test_noise_is_that_of_the_row_not_of_the_column():
    made = Synthesis(trained("stylegan"))
    codes = sampled(made, 2)
    sheet = sheets.along(codes, directions.closed_form(made), [1], [0.0, 0.0])
    images = made.images(sheet.codes)
    np.testing.assert_array_equal(images[0], images[1])
    np.testing.assert_array_equal(images[::2], made.images(codes))


def test_a_file_of_edited_images_is_drawn_with_their_noise(tmp_path):
    made = Synthesis(trained("stylegan"))
    sheet = sheets.along(sampled(made, 2), directions.closed_form(made), [1, 2], [-1.0, 1.0])
    images, path = made.images(sheet.codes), tmp_path / "edited.npz"
    redrawn.write_arrays(path, images, sheet.codes, made)

    again = codes.read(array_files.read(path, "latents"), made.recipe)
    np.testing.assert_array_equal(made.images(again), images)
    elsewhere = dataclasses.replace(again, numbers=again.numbers + 1)
    assert (made.images(elsewhere) != images).any()


def test_each_image_has_noise_of_its_own_where_it_is_sampled_and_where_it_is_edited(monkeypatch):
    monkeypatch.setattr(image_batches, "SAMPLED", 4)
    network = trained("stylegan")
    made, cycle = Synthesis(network), [(3, 1)]

    def alike(latents: tf.Tensor, labels: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
        return network.generate(tf.zeros_like(latents), labels, first=first)

    drawn = sampling.concatenated(sampling.sample_batches(alike, made.recipe, 6, 0, cycle), 6)
    assert len(np.unique(drawn, axis=0)) == 6  # by their noise alone
    sampled = sampling.sample_batches(network.generate, made.recipe, 6, 0, cycle)
    edited = made.images(made.sampled(6, 0, cycle))
    np.testing.assert_allclose(sampling.concatenated(sampled, 6), edited, atol=1)


def test_a_file_of_before_keeps_the_noise_that_it_was_drawn_with(tmp_path):
    made = Synthesis(trained("stylegan"))
    given, path = sampled(made, 2), tmp_path / "old.npz"
    np.savez(path, latents=given.latents, labels=given.labels, places=[1, 130])  # in a batch
    read = codes.read(array_files.read(path, "latents"), made.recipe)
    assert read.numbers.tolist() == [1, 2]


def test_a_direction_is_named_by_what_it_changes_more_than_others_do(styles):
    codes, found = sampled(styles, 16), directions.closed_form(styles)
    brighter = {
        "brightness": lambda x: x.mean(axis=(1, 2, 3)),
        "nothing": lambda x: np.ones(len(x)),
    }
    of_one = effects.of_direction(styles, codes, found, 1, brighter)
    assert of_one["brightness"] > 0 and of_one["nothing"] == 0
    assert effects.names([of_one], 1) == ["brightness"]
    of_three = [{"area": 0.2, "texture": rough} for rough in (0.9, 0.3, 0.4)]
    assert effects.names(of_three, 2) == ["texture", "area"]
    assert effects.names([{"area": 0.0}], 1) == ["nothing"]
    traces = [
        {"area": 0.9, "class": 0.05},
        {"area": 0.5, "class": 0.0},
        {"area": 0.5, "class": 0.0},
    ]
    assert effects.names(traces, 1) == ["area"]


def test_pictures_are_measured_by_what_stands_before_the_background():
    pictures = np.zeros((4, 10, 10, 1), np.uint8)
    pictures[0, 2:8, 3:7] = 100  # grey and small
    pictures[1, 2:8, 3:7] = 200  # brighter
    pictures[2, 2:8, 1:9] = 100  # wider
    pictures[3, 2:8, 3:7:2] = 140
    pictures[3, 2:8, 4:7:2] = 60  # striped
    inverted = 255 - pictures
    bright, area, width, rough = (each(pictures) for each in picture_measures.MEASURES.values())
    assert bright[1] == 2 * bright[0] and np.isclose(bright[3], bright[0])
    assert area.tolist() == [0.24, 0.24, 0.48, 0.24]
    assert width.tolist() == [0.4, 0.4, 0.8, 0.4]
    assert rough[3] > rough[0]
    np.testing.assert_array_equal(picture_measures.area(inverted), area)
