"""Using the result: generate, export and plot."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from onnx.reference import ReferenceEvaluator
from PIL import Image

from tests.command import ROOT, run_forked
from tests.conftest import train_flags
from tests.untrained_runs import untrained
from trainer.commands import export, generate, plot
from trainer.configuration import asked_labels, choices, config, flags
from trainer.gan import sampling
from trainer.monitoring import image_grids
from trainer.runs import checkpoints, stored_runs, trained_networks
from trainer.system.exits import RefusedError


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training of networks with convolutions."""
    job_dir = tmp_path_factory.mktemp("runs") / "finished"
    run_forked(*train_flags(job_dir, "--preset=classic", "--dataset=synthetic", "--steps=13"))
    return job_dir


@pytest.fixture(scope="module")
def networks(finished):
    return trained_networks.load(stored_runs.read(finished), finished, "latest")


@pytest.fixture(scope="module")
def saved(finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generator of `finished` as a SavedModel."""
    return exported(finished, tmp_path_factory.mktemp("saved"), "saved_model", "generator")


LATENTS = np.random.default_rng(0).normal(size=(5, 100)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(-1, 1, (5, 28, 28, 1)).astype(np.float32)


def sample(job_dir: Path, output: Path, *more: str) -> Path:
    flags_given = [f"--job_dir={job_dir}", f"--output={output}", *more]
    generate.run(flags.generate(["generate", *flags_given]))
    return output


def test_arrays_folder_and_grid_hold_the_same_images(finished, tmp_path):
    with np.load(sample(finished, tmp_path / "x.npz", "--num=9")) as file:
        images = file["images"]
    folder = sample(finished, tmp_path / "pictures", "--num=9")
    grid = sample(finished, tmp_path / "x.png", "--num=9")

    assert images.shape == (9, 28, 28, 1) and images.dtype == np.uint8
    single = [tf.io.decode_png(path.read_bytes()) for path in sorted(folder.iterdir())]
    np.testing.assert_array_equal(np.stack(single), images)
    assert tf.io.decode_png(grid.read_bytes()).shape == (192, 192, 1)


def test_arrays_say_what_draws_them_again(finished, tmp_path, caplog):
    given = ["--num=9", "--seed=3", "--truncation=1"]
    drawn = sample(finished, tmp_path / "x.npz", *given)
    again = sample(finished, tmp_path / "again.npz", f"--latents={drawn}")
    np.testing.assert_array_equal(np.load(again)["images"], np.load(drawn)["images"])
    assert "drawn by another" not in caplog.text
    sample(finished, tmp_path / "other.npz", f"--latents={drawn}", "--checkpoint=10")
    assert "was drawn by another run, or at another checkpoint" in caplog.text


def test_pictures_of_an_earlier_call_in_a_folder_are_said_to_stay(finished, tmp_path, caplog):
    sample(finished, tmp_path / "pictures", "--num=9")
    assert "stay there" not in caplog.text
    sample(finished, tmp_path / "pictures", "--num=3")
    assert "holds 6 other pictures, which stay there (00003-" in caplog.text


def test_the_same_seed_gives_the_same_images_however_many(finished, tmp_path):
    few, many, other = (
        np.load(sample(finished, tmp_path / f"{name}.npz", *more))["images"]
        for name, more in {
            "few": ["--num=3"],
            "many": ["--num=130"],
            "other": ["--num=3", "--seed=1"],
        }.items()
    )
    np.testing.assert_array_equal(many[:3], few)
    assert not np.array_equal(other, few)


def test_a_checkpoint_is_chosen_by_step_or_path(finished, tmp_path):
    by_step, by_path, latest = (
        np.load(sample(finished, tmp_path / f"{name}.npz", "--num=2", *more))["images"]
        for name, more in {
            "step": ["--checkpoint=10"],
            "path": [f"--checkpoint={finished / 'checkpoints' / 'ckpt-10'}"],
            "latest": [],
        }.items()
    )
    np.testing.assert_array_equal(by_step, by_path)
    assert not np.array_equal(by_step, latest)


@pytest.mark.parametrize("checkpoint", ["7", "elsewhere/ckpt-1", "", "²"])
def test_a_checkpoint_that_does_not_exist_is_refused(checkpoint, finished, tmp_path):
    with pytest.raises(RefusedError, match=r"10, 13"):
        sample(finished, tmp_path / "x.npz", f"--checkpoint={checkpoint}")


def test_a_checkpoint_of_another_network_is_refused(finished, tmp_path):
    job_dir = tmp_path / "other"
    job_dir.mkdir()
    text = (finished / "config.json").read_text()
    (job_dir / "config.json").write_text(text.replace('"noise_dim": 100', '"noise_dim": 50'))
    with pytest.raises(RefusedError, match="another network"):
        sample(job_dir, tmp_path / "x.npz", f"--checkpoint={finished / 'checkpoints/ckpt-13'}")


# Without styles, which an .h5 file cannot hold: those are in tests/models.
CONDITIONAL = ("--preset=fashion", "--architecture=fashion")
# Nothing is measured for them, and one kind of step is traced.
CONDITIONAL += ("--precision=float32", "--penalty_interval=1")


@pytest.fixture(scope="module")
def conditional(tmp_path_factory) -> Path:
    """A short run of a conditional recipe with a moving average."""
    job_dir = tmp_path_factory.mktemp("runs") / "conditional"
    run_forked(*train_flags(job_dir, *CONDITIONAL, "--dataset=synthetic", "--steps=6"))
    return job_dir


@pytest.fixture(scope="module")
def saved_conditional(conditional, tmp_path_factory) -> Path:
    """The generator of `conditional` as a SavedModel."""
    return exported(conditional, tmp_path_factory.mktemp("saved"), "saved_model", "generator")


def test_labels_cycle_unless_some_are_asked_for_by_name_or_number(conditional, tmp_path):
    every = np.load(sample(conditional, tmp_path / "every.npz", "--num=12"))
    some = np.load(sample(conditional, tmp_path / "some.npz", "--num=3", "--labels=Sneaker,8"))
    assert every["labels"].dtype == np.int64
    assert list(every["labels"]) == [*range(10), 0, 1]
    assert list(some["labels"]) == [7, 8, 7]
    assert some["images"].shape == (3, 28, 28, 1)
    assert not np.array_equal(some["images"][0], every["images"][0])  # same latent, other label


def test_a_grid_of_a_conditional_model_has_a_row_a_class(conditional, tmp_path):
    path = sample(conditional, tmp_path / "x.png", "--num=21", "--labels=bag,coat,sneaker")
    height, width, _ = tf.io.decode_png(path.read_bytes()).shape
    assert height == 3 * 64 and 7 * 64 < width < 9 * 64  # names stand to their left
    grid = tf.io.decode_png((conditional / "results" / "final.png").read_bytes())
    assert grid.shape[0] == 10 * 64 + image_grids.TITLE_HEIGHT and 8 * 64 < grid.shape[1] < 10 * 64


def test_single_pictures_are_called_by_what_they_show(conditional, tmp_path):
    given = ["--num=3", "--labels=bag,Ankle boot", "--seed=7"]
    folder = sample(conditional, tmp_path / "pictures", *given)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["00000-bag-seed7.png", "00001-boot-seed7.png", "00002-bag-seed7.png"]


@pytest.mark.parametrize(("labels", "reason"), [("sneakers", "not a value"), ("10", "not a value")])
def test_an_unknown_label_is_refused_with_those_there_are(labels, reason, conditional, tmp_path):
    with pytest.raises(RefusedError, match=f"{reason}; the values are class: 0 t-shirt, .* 9 boot"):
        sample(conditional, tmp_path / "x.png", f"--labels={labels}")


def test_labels_for_a_run_without_them_are_refused(finished, tmp_path):
    with pytest.raises(RefusedError, match="needs a conditional run"):
        sample(finished, tmp_path / "x.png", "--labels=bag")


def test_a_film_goes_from_one_latent_to_another_and_back(conditional, tmp_path):
    with Image.open(sample(conditional, tmp_path / "x.gif", "--num=8", "--labels=bag")) as film:
        assert film.n_frames == 8 and film.size == (448, 448)
        frames = []
        for number in range(8):
            film.seek(number)
            frames.append(np.asarray(film.convert("L"), float))
    np.testing.assert_array_equal(frames[1], frames[7])
    steps = [np.abs(frames[i + 1] - frames[i]).mean() for i in range(7)]
    assert min(steps) > 0 and np.abs(frames[4] - frames[0]).mean() > max(steps)


def test_truncation_brings_latents_in_and_keeps_their_order(conditional):
    recipe = trained_networks.load(stored_runs.read(conditional), conditional, "latest").recipe
    free, cut = (sampling.latents(recipe, 0, 0, 200, limit).numpy() for limit in (None, 0.7))
    assert np.abs(cut).max() <= 0.7 < np.abs(free).max()
    assert (np.argsort(cut.ravel()) == np.argsort(free.ravel())).mean() > 0.99
    wide = sampling.latents(recipe, 0, 0, 200, 6.0)
    np.testing.assert_allclose(wide, free, atol=1e-4)


def test_a_conditional_generator_is_exported_with_its_labels_and_average(
    conditional, saved_conditional, tmp_path
):
    networks = trained_networks.load(stored_runs.read(conditional), conditional, "latest")
    latents = sampling.latents(networks.recipe, 0, 0, 4)
    labels = tf.constant([0, 3, 7, 9])
    expected = networks.generate(latents, labels[:, tf.newaxis])
    tensors = checkpoints.read(conditional / "checkpoints" / "ckpt-6")
    kernel = networks.generator.get_layer("dense").kernel
    np.testing.assert_array_equal(kernel, tensors[f"average/{kernel.path}"])
    assert not np.array_equal(kernel, tensors[f"generator/{kernel.path}"])

    for form in ("keras", "h5"):
        path = exported(conditional, tmp_path, form, "generator")
        model = keras.models.load_model(path, compile=False)
        np.testing.assert_allclose(model([latents, labels], training=False), expected, atol=1e-5)
    loaded = tf.saved_model.load(str(saved_conditional))
    np.testing.assert_allclose(loaded.serve([latents, labels]), expected, atol=1e-5)
    images = loaded.sample(tf.constant(12, tf.int64), tf.constant(0, tf.int64))
    recipe = networks.recipe
    (bytes_,) = sampling.sample_batches(
        networks.generate, recipe, 12, 0, asked_labels.cycle(recipe)
    )
    assert np.abs(np.rint(np.clip(images, -1, 1) * 127.5 + 127.5) - bytes_).max() <= 1
    lite = exported(conditional, tmp_path, "tflite", "generator")
    with pytest.warns(UserWarning):
        runner = tf.lite.Interpreter(model_path=str(lite)).get_signature_runner()
    shown = runner(latents=latents[:1], labels=labels[:1])
    np.testing.assert_allclose(next(iter(shown.values())), expected[:1], atol=1e-4)


def test_a_saved_model_names_what_it_takes_and_gives_and_has_a_card(conditional, saved_conditional):
    loaded = tf.saved_model.load(str(saved_conditional))
    latents, labels = tf.zeros([2, 64]), tf.constant([3, 7])
    images = loaded.signatures["serving_default"](latents=latents, labels=labels)["images"]
    np.testing.assert_array_equal(images, loaded.serve([latents, labels]))
    plain, wide = (
        loaded.sample(tf.constant(2, kind), tf.constant(5, kind)) for kind in (tf.int32, tf.int64)
    )
    np.testing.assert_array_equal(plain, wide)
    assert list(loaded.sample_labels(tf.constant(12)).numpy()) == [*range(10), 0, 1]
    for folder in (saved_conditional, conditional / "models"):
        text = (folder / "README.md").read_text()
        assert text.startswith("---\nlibrary_name: keras\n") and "7 sneaker" in text
        assert (folder / "samples.png").exists()


def test_the_card_in_a_saved_model_loads_the_folder_that_it_lies_in(saved_conditional, monkeypatch):
    monkeypatch.chdir(saved_conditional)
    shown: dict = {}
    exec(
        (saved_conditional / "README.md").read_text().split("```python\n")[1].split("```")[0], shown
    )
    assert shown["images"].shape == (8, 28, 28, 1)


def test_the_code_on_a_card_runs_and_another_readme_is_kept(conditional, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(conditional, folder)
    card = folder / "models" / "README.md"
    code = card.read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(folder / "models")
    shown: dict[str, object] = {}
    exec(code, shown)
    assert shown["images"].shape == (8, 28, 28, 1)  # type: ignore[attr-defined]
    for form, other in (("keras", card), ("saved_model", folder / "models/generator/README.md")):
        given = ["export", f"--job_dir={folder}", f"--format={form}"]
        export.run(flags.export(given))
        assert "```python" in other.read_text()
        other.write_text("my own words")
        export.run(flags.export(given))
        assert other.read_text() == "my own words"


def test_a_card_tells_of_the_model_beside_it_alone(conditional, tmp_path, caplog):
    folder = tmp_path / "run"
    shutil.copytree(conditional, folder)
    card = folder / "models" / "README.md"
    of_end = card.read_text()
    for path in (folder / "checkpoints").glob("ckpt-6.*"):
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        shutil.copyfile(path, tmp_path / "elsewhere" / path.name)
    given = ["export", f"--job_dir={folder}", f"--checkpoint={tmp_path / 'elsewhere' / 'ckpt-6'}"]
    for form in ("h5", "tflite"):
        export.run(flags.export([*given, f"--format={form}"]))
    export.run(flags.export([*given, f"--output={folder / 'models' / 'other.keras'}"]))
    assert card.read_text() == of_end and "samples.png" in of_end

    export.run(flags.export(given))
    assert "generator.keras, the run's own model, is replaced" in caplog.text
    assert "generator.keras" in card.read_text()
    assert "samples.png" not in card.read_text() and "## Evaluation" not in card.read_text()


def test_a_saved_model_replaces_no_folder_with_other_files(
    conditional, saved_conditional, tmp_path
):
    path = shutil.copytree(saved_conditional, tmp_path / "generator")
    for name in ("variables/notes.txt", "assets/words.txt", "notes.txt"):
        (path / name).write_text("mine")
        with pytest.raises(RefusedError, match=r"also holds .*(notes|words)\.txt"):
            flags.export(
                ["export", f"--job_dir={conditional}", "--format=saved_model", f"--output={path}"]
            )
        (path / name).unlink()


def test_the_python_of_the_readme_runs(
    conditional, saved_conditional, tmp_path, monkeypatch, capsys
):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    run = shutil.copytree(conditional, tmp_path / "runs" / "quickstart")
    shutil.copytree(saved_conditional, run / "models" / "generator")
    monkeypatch.chdir(tmp_path)
    tf.random.set_seed(0)  # which determinism needs, where another test has asked for that
    for block in blocks:
        exec(block, {})
    assert capsys.readouterr().out.splitlines() == ["(8, 28, 28, 1)"] * 2


def test_a_normalised_discriminator_is_exported_with_normalised_kernels(tmp_path):
    job_dir = untrained(tmp_path / "run", "--preset=mlp", "--spectral_norm", "--dataset=synthetic")
    discriminator = trained_networks.load(
        stored_runs.read(job_dir), job_dir, "latest"
    ).discriminator
    for layer in ("dense1", "dense2", "logits"):
        kernel = discriminator.get_layer(layer).kernel.numpy()
        assert 0.8 < np.linalg.norm(kernel, 2) < 1.2


def exported(finished: Path, tmp_path: Path, form: str, network: str) -> Path:
    path = tmp_path / f"{network}{choices.EXPORT_SUFFIXES[form]}"
    export.run(config.ExportConfig(finished, path, form, network, "fixed", "latest"))
    return path


def outputs(networks, network: str) -> tuple[np.ndarray, np.ndarray]:
    inputs = LATENTS if network == "generator" else IMAGES
    return inputs, getattr(networks, network)(inputs, training=False).numpy()


@pytest.mark.parametrize("network", ["generator", "discriminator"])
@pytest.mark.parametrize("form", ["keras", "h5"])
def test_whole_models_load_in_plain_keras(form, network, finished, networks, tmp_path):
    path = exported(finished, tmp_path, form, network)
    inputs, expected = outputs(networks, network)
    with keras.saving.CustomObjectScope({}):
        model = keras.models.load_model(path, compile=False)
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    np.testing.assert_allclose(model(inputs, training=False), expected, atol=1e-5)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_weights_load_into_the_same_network(network, finished, networks, tmp_path):
    path = exported(finished, tmp_path, "weights", network)
    inputs, expected = outputs(networks, network)
    model = keras.models.clone_model(getattr(networks, network))
    model.load_weights(path)
    np.testing.assert_allclose(model(inputs, training=False), expected, atol=1e-5)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_a_saved_model_serves(network, finished, networks, saved, tmp_path):
    is_there = network == "generator"
    path = saved if is_there else exported(finished, tmp_path, "saved_model", network)
    inputs, expected = outputs(networks, network)
    loaded = tf.saved_model.load(str(path))
    np.testing.assert_allclose(loaded.serve(inputs), expected, atol=1e-5)


def test_a_saved_model_replaces_an_earlier_one(finished, saved, tmp_path):
    path = shutil.copytree(saved, tmp_path / "generator")
    (path / "saved_model.pb").write_bytes(b"another")
    assert exported(finished, tmp_path, "saved_model", "generator") == path
    assert (path / "saved_model.pb").read_bytes() != b"another"
    assert not list(tmp_path.glob(".partial*"))


def test_an_export_replaces_no_folder_of_anything_else(finished, tmp_path):
    asked = ["export", f"--job_dir={finished}", "--format=saved_model", f"--output={tmp_path}"]
    (tmp_path / "saved_model.pb").write_text("a model")
    flags.export(asked)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RefusedError, match=r"also holds thesis.txt: choose another folder"):
        flags.export(asked)


def test_a_grid_that_no_png_can_hold_is_refused_before_it_is_drawn(finished, tmp_path):
    asked = ["generate", f"--job_dir={finished}", f"--output={tmp_path}/x.png"]
    run_forked(*asked, "--num=300")
    refused = run_forked(*asked, "--num=300", before=SMALL_PAGES, code=64)
    assert "18 rows of 17 images are more than a .png can hold" in refused.stderr


SMALL_PAGES = "from trainer.monitoring import image_files; image_files._MOST_PIXELS['.png'] = 1000"


def test_a_saved_generator_samples_as_generate_does(networks, saved):
    loaded = tf.saved_model.load(str(saved))
    images = loaded.sample(tf.constant(3, tf.int64), tf.constant(4, tf.int64))
    (expected,) = sampling.sample_batches(
        networks.generate, networks.recipe, 3, seed=4, cycle=[(0,)]
    )
    ours = np.rint(np.asarray(images) * 127.5 + 127.5)
    assert np.abs(ours - expected).max() <= 1


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_a_tflite_model_computes_the_same(network, finished, networks, tmp_path):
    path = exported(finished, tmp_path, "tflite", network)
    inputs, expected = outputs(networks, network)
    with pytest.warns(UserWarning):  # TensorFlow announces that tf.lite will move
        interpreter = tf.lite.Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner()
    (name,) = runner.get_input_details()
    results = [next(iter(runner(**{name: row[None]}).values())) for row in inputs]
    np.testing.assert_allclose(np.concatenate(results), expected, atol=1e-4)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_an_onnx_model_computes_the_same(network, finished, networks, tmp_path):
    path = exported(finished, tmp_path, "onnx", network)
    inputs, expected = outputs(networks, network)
    evaluator = ReferenceEvaluator(str(path))
    (name,) = evaluator.input_names
    (results,) = evaluator.run(None, {name: inputs})
    np.testing.assert_allclose(results, expected, atol=1e-4)


def test_onnx_without_its_packages_is_refused(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RefusedError, match="-m pip install onnx tf2onnx"):
        exported(finished, tmp_path, "onnx", "generator")


def test_training_writes_the_models_that_export_writes(finished, networks):
    model = keras.models.load_model(finished / "models" / "generator.keras", compile=False)
    inputs, expected = outputs(networks, "generator")
    np.testing.assert_allclose(model(inputs, training=False), expected, atol=1e-5)


def test_plot_draws_the_curves_again(finished, tmp_path, capsys):
    shutil.copy(finished / "metrics.jsonl", tmp_path)
    plot.run(config.PlotConfig(tmp_path))
    picture = tmp_path / "results" / "loss_curves.png"
    assert capsys.readouterr().out.strip() == str(picture)
    assert tf.io.decode_png(picture.read_bytes()).shape[:2] == (720, 960)


def test_stdout_carries_only_the_result(finished, tmp_path):
    done = run_forked(
        "export", f"--job_dir={finished}", "--format=tflite", f"--output={tmp_path}/g.tflite"
    )
    assert done.stdout == f"{tmp_path}/g.tflite\n"
    assert "exporting the generator of step 13" in done.stderr
