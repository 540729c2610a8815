"""A run on pictures with several attributes, from the table to the exported model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops import op_one_hot
from PIL import Image

from tests.command import run_forked
from tests.conftest import assert_same_bits, train_flags
from trainer.commands import samples
from trainer.configuration import flags
from trainer.data.datasets import Attribute
from trainer.runs import checkpoints

KINDS, COLOURS = ("coat", "hat", "shirt"), ("blue", "red")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rows = ["file_name,kind,colour"]
    for number in range(60):
        kind, colour = KINDS[number % 3], COLOURS[number % 2]
        Image.new("RGB", (40, 30), colour).resize((40, 30 + number % 5)).save(
            folder / f"{number}.png"
        )
        rows.append(f"{number}.png,{kind},{colour if number % 7 else ''}")
    (folder / "metadata.csv").write_text("\n".join(rows))
    return folder


def flags_of(pictures: Path) -> list[str]:
    data = ["--dataset=image_folder", f"--data_dir={pictures}", "--image_size=28", "--fit=pad"]
    return [*data, "--conditional", "--flip", "--batch_size=8"]


@pytest.fixture(scope="module")
def finished(pictures, tmp_path_factory) -> Path:
    job_dir = tmp_path_factory.mktemp("runs") / "a"
    run_forked(*train_flags(job_dir, *flags_of(pictures), "--steps=12"))
    return job_dir


def test_a_run_knows_its_attributes_and_goes_on_by_itself(finished, pictures, tmp_path):
    data = json.loads((finished / "config.json").read_text())["recipe"]["data"]
    assert data["attributes"] == [
        {"name": "kind", "values": list(KINDS)},
        {"name": "colour", "values": list(COLOURS)},
    ]
    assert data["test_examples"] > 0 and data["folder"]["fit"] == "pad"

    run_forked(*train_flags(tmp_path / "b", *flags_of(pictures), "--steps=5"))
    run_forked("train", f"--job_dir={tmp_path}/b", f"--data_dir={pictures}", "--steps=12")
    runs = (finished, tmp_path / "b")
    tensors = [checkpoints.read_chosen(run / "checkpoints", "latest")[1] for run in runs]
    assert_same_bits(*tensors)


def test_a_resume_with_other_attributes_is_refused_by_name(finished, pictures):
    refused = run_forked(
        *("train", f"--job_dir={finished}", f"--data_dir={pictures}", "--attributes=colour"),
        code=64,
    )
    assert "attributes" in refused.stderr and "kind 3, colour 2" in refused.stderr


def test_images_are_drawn_as_described(finished, tmp_path):
    given = ("--labels=hat/red,colour=blue", "--num=4")
    run_forked("generate", f"--job_dir={finished}", f"--output={tmp_path}/x.npz", *given)
    with np.load(tmp_path / "x.npz") as file:
        assert file["labels"].tolist() == [[1, 1], [-1, 0]] * 2
        assert file["attribute_names"].tolist() == ["kind", "colour"]
        assert file["images"].shape == (4, 28, 28, 3)
    run_forked("generate", f"--job_dir={finished}", f"--output={tmp_path}/x.png")
    with Image.open(tmp_path / "x.png") as grid:
        width, height = grid.size
        assert width > 8 * 32 * 2 and height == 3 * 32 * 2  # a row a kind, behind its name


@pytest.mark.slow
def test_exported_models_take_labels_of_all_attributes(finished, tmp_path):
    latents = np.random.default_rng(0).normal(size=(2, 100)).astype(np.float32)
    labels = np.array([[1, 1], [-1, 0]], np.int32)
    images = {}
    outputs = {"keras": "m.keras", "saved_model": "m", "tflite": "m.tflite", "onnx": "m.onnx"}
    for name, output in outputs.items():
        given = (f"--format={name}", f"--output={tmp_path / output}")
        run_forked("export", f"--job_dir={finished}", *given)
    images["keras"] = keras.models.load_model(tmp_path / "m.keras")([latents, labels]).numpy()
    loaded = tf.saved_model.load(tmp_path / "m")
    images["saved_model"] = loaded.serve([latents, labels]).numpy()
    images["tflite"] = _by_tflite(tmp_path / "m.tflite", latents, labels)
    images["onnx"] = _by_onnx(tmp_path / "m.onnx", latents, labels)
    for name in ("saved_model", "tflite", "onnx"):
        np.testing.assert_allclose(images[name], images["keras"], atol=1e-5)
    assert np.abs(images["keras"][0] - images["keras"][1]).max() > 1e-3


class OneHot(op_one_hot.OneHot):
    """As in the standard: of a depth with one element, and of an index beyond it zeros alone."""

    def _run(self, indices, depth, values, axis=None):
        return super()._run(indices, depth.item(), values, axis=axis)


def _by_onnx(path: Path, latents: np.ndarray, labels: np.ndarray) -> np.ndarray:
    evaluator = ReferenceEvaluator(str(path), new_ops=[OneHot])
    (images,) = evaluator.run(None, {"latents": latents, "labels": labels})
    return images


def _by_tflite(path: Path, latents: np.ndarray, labels: np.ndarray) -> np.ndarray:
    with pytest.warns(UserWarning):  # TensorFlow announces that tf.lite will move
        runner = tf.lite.Interpreter(str(path)).get_signature_runner()
    (images,) = runner(latents=latents, labels=labels).values()
    return images


def test_values_take_no_more_of_a_file_s_name_than_there_is_room_for():
    recipe = flags.train(["train", "--job_dir=x", "--dataset=synthetic", "--conditional"]).recipe
    attributes = tuple(Attribute(name, ("長い" * 30,)) for name in ("a", "b"))
    recipe = replace(recipe, data=replace(recipe.data, attributes=attributes))
    (name,) = samples.in_file_name((0, 0), recipe)
    assert 190 < len(name.encode()) <= 200 and name.startswith("長い")
    assert samples.in_file_name((-1, -1), recipe) == []
