"""Data sets other than Fashion-MNIST: prepared by TensorFlow Datasets, and image folders."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command import run_forked
from tests.conftest import train_flags
from tests.data import folders
from tests.untrained_runs import untrained
from trainer.configuration import asked_labels, config, config_json, flags, resume
from trainer.data import array_cache, fashion_mnist, feeding, loading
from trainer.data.datasets import DATASETS, IMAGE_FOLDER, Attribute
from trainer.system import downloads, exits
from trainer.system.exits import InterruptedRun, RefusedError

TRAIN, TEST = 24, 6
# Tests cannot download these sets: each is replaced by a small set of the same structure.
PREPARED = ["celeb_a", "cifar10", "kmnist", "mnist"]


def zero(feature) -> str | int:
    return 0 if np.issubdtype(feature.np_dtype, np.number) else "0"


def prepare_small(name: str, data_dir: Path) -> None:
    """Writes a small set with TensorFlow Datasets' own builder of that name."""
    import tensorflow_datasets as tfds

    original = tfds.builder_cls(name)

    class Small(original, skip_registration=True):  # type: ignore[call-arg, misc, valid-type]
        pkg_dir_path = original.pkg_dir_path

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(TRAIN), "test": self._generate_examples(TEST)}

        def _generate_examples(self, count):
            rng = np.random.default_rng(count)
            features = self.info.features
            for number in range(count):
                example = {}
                for key, feature in features.items():
                    if key == "image":
                        example[key] = rng.integers(0, 256, feature.shape, np.uint8)
                    elif hasattr(feature, "keys"):
                        example[key] = dict.fromkeys(feature, 0)
                    else:
                        example[key] = number % 10 if key == "label" else zero(feature)
                yield number, example

    Small.name = name
    Small(data_dir=data_dir).download_and_prepare()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small MNIST."""
    folder = tmp_path_factory.mktemp("prepared")
    prepare_small("mnist", folder)
    return folder


@pytest.fixture
def small_mnist(prepared, tmp_path) -> Path:
    """One of its own."""
    return shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)


def resolve(*arguments: str) -> config.TrainConfig:
    return flags.train(["train", "--job_dir=x", "--preset=mlp", "--batch_size=4", *arguments])


@pytest.mark.parametrize("name", PREPARED)
def test_a_prepared_set_has_the_shape_of_its_specification(name, tmp_path):
    prepare_small(name, tmp_path)

    spec = resolve(f"--dataset={name}", f"--data_dir={tmp_path}").recipe.data
    images, labels = loading.load(spec, "train", tmp_path, tmp_path / "cache")
    test_images, _ = loading.load(spec, "test", tmp_path, tmp_path / "cache")

    assert spec.image_shape == DATASETS[name].image_shape
    assert (spec.train_examples, spec.test_examples) == (TRAIN, TEST)
    assert images.shape == (TRAIN, *spec.image_shape) and images.dtype == np.uint8
    assert test_images.shape == (TEST, *spec.image_shape)
    assert images.std() > 20
    assert labels.shape == (TRAIN, len(spec.attributes))
    assert not spec.attributes or len(np.unique(labels)) == 10
    again, _ = loading.load(spec, "train", tmp_path, tmp_path / "cache")
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(images, again)


def test_a_set_that_cannot_be_downloaded_is_refused(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def unreachable(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", unreachable)
    spec = resolve("--dataset=cifar10", f"--data_dir={tmp_path}").recipe.data
    with pytest.raises(RefusedError, match=r"cifar10 cannot be downloaded \(.+\): name a"):
        loading.load(spec, "train", tmp_path, tmp_path / "cache")


def fails_to_download(dataset: str, error: Exception, folder: Path, monkeypatch) -> None:
    """Loads a set that TensorFlow Datasets cannot prepare."""
    import tensorflow_datasets as tfds

    def fails(*_, **__):
        raise error

    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", folder / "absent")
    monkeypatch.setattr(downloads, "check_reachable", lambda url: None)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fails)
    spec = resolve(f"--dataset={dataset}", f"--data_dir={folder}").recipe.data
    loading.load(spec, "train", folder, folder / "cache")


@pytest.mark.parametrize("dataset", ["cifar10", "fashion_mnist"])
def test_a_disk_that_is_full_is_not_taken_for_a_failed_download(dataset, tmp_path, monkeypatch):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/part")
    with pytest.raises(RefusedError, match=r"/data/part cannot be used .*make room there"):
        fails_to_download(dataset, full, tmp_path, monkeypatch)


@pytest.mark.parametrize("dataset", ["cifar10", "fashion_mnist"])
def test_a_download_that_is_cut_off_is_worth_another_try(dataset, tmp_path, monkeypatch):
    import requests

    cut_off = requests.exceptions.ChunkedEncodingError("Connection broken")
    with pytest.raises(InterruptedRun, match=r"cut off \(.*Connection broken\): run again"):
        fails_to_download(dataset, cut_off, tmp_path, monkeypatch)


@pytest.mark.parametrize("dataset", ["cifar10", "fashion_mnist"])
def test_what_a_killed_download_left_is_removed_by_the_next(dataset, tmp_path, monkeypatch):
    half = tmp_path / ".partial-999999999-set" / "downloads" / "half.tar"
    half.parent.mkdir(parents=True)
    half.write_text("gigabytes")
    with pytest.raises(RefusedError):
        fails_to_download(dataset, ConnectionError("no route to host"), tmp_path, monkeypatch)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize(("dataset", "version"), [("cifar10", "3.0.2"), ("fashion_mnist", "3.0.1")])
def test_an_incomplete_prepared_set_is_refused(dataset, version, tmp_path, monkeypatch):
    (tmp_path / dataset / version).mkdir(parents=True)
    with pytest.raises(RefusedError, match=rf"^\S+{version} is not complete: remove it"):
        fails_to_download(dataset, AssertionError("not tried"), tmp_path, monkeypatch)


def test_on_a_full_disk_the_arrays_are_kept_in_memory(tmp_path, monkeypatch):
    folder = image_folder(tmp_path / "shapes")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    images, _ = folders.load(folder, 32)
    assert images.shape == (12, 32, 32, 3) and not isinstance(images, np.memmap)


@pytest.mark.parametrize("claimed", [TRAIN - 1, TRAIN + 1])
def test_a_wrong_number_of_images_is_refused(claimed, small_mnist):
    spec = resolve("--dataset=mnist", f"--data_dir={small_mnist}").recipe.data
    spec = dataclasses.replace(spec, train_examples=claimed)
    with pytest.raises(RefusedError, match=f"does not hold {claimed} images"):
        loading.load(spec, "train", small_mnist, small_mnist / "cache")


def test_a_damaged_description_of_a_set_is_refused(small_mnist):
    spec = resolve("--dataset=mnist", f"--data_dir={small_mnist}").recipe.data
    for description in small_mnist.glob("mnist/*/dataset_info.json"):
        description.write_text("[" * 10**5)
    with pytest.raises(RefusedError, match="is damaged"):
        loading.load(spec, "train", small_mnist, small_mnist / "cache")


def test_damaged_records_are_refused(small_mnist):
    for record in small_mnist.glob("mnist/*/mnist-train.tfrecord*"):
        record.write_bytes(record.read_bytes()[:-20])
    spec = resolve("--dataset=mnist", f"--data_dir={small_mnist}").recipe.data
    with pytest.raises(RefusedError, match="is damaged"):
        loading.load(spec, "train", small_mnist, small_mnist / "cache")


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ESTALE, InterruptedRun), (errno.EACCES, RefusedError)]
)
def test_records_that_cannot_be_read_now_are_no_damage(number, kind, small_mnist, monkeypatch):
    """Who is told to remove the set loses it."""
    import tensorflow_datasets as tfds

    def fails(_):
        raise OSError(number, os.strerror(number), "/data/mnist-train.tfrecord")

    monkeypatch.setattr(tfds, "as_numpy", fails)
    spec = resolve("--dataset=mnist", f"--data_dir={small_mnist}").recipe.data
    with pytest.raises(kind, match="cannot be used"):
        loading.load(spec, "train", small_mnist, small_mnist / "cache")


def test_what_a_preparation_cannot_keep_is_not_prepared(tmp_path):
    folder = image_folder(tmp_path / "shapes")
    given = ["prepare_data", "--dataset=image_folder", f"--data_dir={folder}", "--image_size=32"]
    full = "import shutil; f = shutil.disk_usage; "
    full += "shutil.disk_usage = lambda path: f(path)._replace(free=1000)"
    cache = f"--cache_dir={tmp_path / 'cache'}"
    refused = run_forked(*given, cache, before=full, code=exits.REFUSED)
    assert "keeps nothing" in refused.stderr and not refused.stdout
    assert run_forked(*given, cache).stdout.strip() == str(tmp_path / "cache")


def test_a_set_without_labels_cannot_be_conditional(tmp_path):
    with pytest.raises(RefusedError, match="--dataset=celeb_a has none"):
        resolve("--dataset=celeb_a", f"--data_dir={tmp_path}", "--conditional")
    small = resolve("--dataset=celeb_a", f"--data_dir={tmp_path}", "--image_size=28").recipe.data
    assert small.image_shape == (28, 28, 3)


def test_resizing_a_set_of_fixed_size_is_refused():
    with pytest.raises(RefusedError, match="28 pixels wide"):
        resolve("--image_size=32")


def image_folder(
    folder: Path, kinds: tuple[str, ...] = ("circle", "square"), mode: str = "RGB"
) -> Path:
    rng = np.random.default_rng(0)
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(0, 256, (50, 40 + 20 * number, 3), np.uint8)
            Image.fromarray(pixels).convert(mode).save(folder / kind / f"{number}.png")
    return folder


def test_subfolders_of_an_image_folder_are_classes(tmp_path):
    folder = image_folder(tmp_path / "shapes")

    spec = resolve("--dataset=image_folder", f"--data_dir={folder}", "--test_share=0").recipe.data
    images, labels = folders.at(folder).load(spec, "train")

    assert spec.attributes == (Attribute("class", ("circle", "square")),)
    assert images.shape == (12, 32, 32, 3)
    assert labels.tolist() == [[0]] * 6 + [[1]] * 6
    assert not list(folder.glob(".*"))
    again, _ = folders.at(folder).load(spec, "train")
    np.testing.assert_array_equal(images, again)
    Image.new("RGB", (32, 32), "red").save(folder / "square" / "0.png")
    changed, _ = folders.load(folder, 32)
    np.testing.assert_array_equal(changed[6], np.full((32, 32, 3), [255, 0, 0]))


def test_images_are_rotated_reduced_to_8_bits_and_put_on_black(tmp_path):
    ramp = np.repeat(np.arange(256, dtype=np.uint16)[None] * 257, 256, 0)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    sixteen_bit, _ = folders.load(tmp_path, 64)
    assert sixteen_bit.shape == (1, 64, 64, 1)
    np.testing.assert_allclose(sixteen_bit[0, 0, 2:-2, 0], np.linspace(0, 255, 64)[2:-2], atol=3)

    (tmp_path / "deep.png").unlink()
    rgba = Image.new("RGBA", (32, 32), (255, 255, 255, 0))
    rgba.paste((255, 0, 0, 255), (0, 0, 16, 32))
    rgba.save(tmp_path / "glass.png")
    rotated = Image.new("RGB", (32, 32), "black")
    rotated.paste((0, 255, 0), (0, 0, 32, 16))
    exif = rotated.getexif()
    exif[0x0112] = 3  # upside down
    rotated.save(tmp_path / "turned.png", exif=exif)
    (rgba_pixels, rotated_pixels), _ = folders.load(tmp_path, 32)
    assert list(rgba_pixels[5, 2]) == [255, 0, 0] and list(rgba_pixels[5, -2]) == [0, 0, 0]
    assert list(rotated_pixels[2, 5]) == [0, 0, 0] and list(rotated_pixels[-2, 5]) == [0, 255, 0]


def test_by_the_first_rules_a_coloured_image_among_grey_ones_is_refused(tmp_path):
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "b.png")
    with pytest.raises(RefusedError, match=r"b\.png is in colour"):
        folders.load(tmp_path, 32, rules=1)


def test_arrays_that_cannot_be_written_are_kept_in_memory(tmp_path, monkeypatch):
    folder = image_folder(tmp_path / "shapes")

    def disk_is_full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(array_cache.file_system, "write_text", disk_is_full)
    images, labels = folders.load(folder, 32)
    assert images.shape == (12, 32, 32, 3) and images.std() > 5 and labels.sum() == 6
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(
    ("asked_for", "label"), [("Cats", 0), ("cats", 0), ("7", 2), ("1", 1), ("hot dogs", 1)]
)
def test_a_class_name_takes_precedence_over_a_class_number(asked_for, label):
    recipe = resolve("--conditional").recipe
    data = dataclasses.replace(
        recipe.data, attributes=(Attribute("class", ("Cats", "Hot Dogs", "7")),)
    )
    recipe = dataclasses.replace(recipe, data=data)
    assert asked_labels.cycle(recipe, [asked_for]) == [(label,)]


def test_images_are_resized_with_antialiasing_and_keep_their_proportions(tmp_path):
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    wide = np.concatenate([np.zeros((64, 32, 1)), stripes, np.zeros((64, 32, 1))], 1)
    Image.fromarray(wide.astype(np.uint8).squeeze(-1)).save(tmp_path / "stripes.png")

    spec = folders.specify(tmp_path, 28)
    images, _ = folders.at(tmp_path).load(spec, "train")

    assert spec.image_shape == (28, 28, 1) and not spec.attributes
    assert images[0, 5:-5, 5:-5].min() > 100 and images[0, 5:-5, 5:-5].max() < 155


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (
            lambda folder: (folder / "circle" / "3.png").write_bytes(b"GIF89a"),
            "3.png is not a readable picture",
        ),
        (lambda folder: Image.new("L", (9, 9)).save(folder / "stray.png"), "move the former"),
        (lambda folder: [path.unlink() for path in folder.rglob("*.png")], "holds no pictures"),
        (lambda folder: folder.rename(folder.with_name("away")), "cannot be read"),
        (
            lambda folder: (folder / "circle" / "0.png").write_bytes(b"nothing"),
            "0.png is not a readable picture",
        ),
    ],
)
def test_an_invalid_image_folder_is_refused(damage, reason, tmp_path):
    folder = image_folder(tmp_path / "shapes")
    damage(folder)
    with pytest.raises(RefusedError, match=reason):
        folders.load(folder, 32)


def test_a_run_on_an_image_folder_resumes_and_refuses_a_changed_folder(tmp_path):
    folder, job_dir = image_folder(tmp_path / "shapes"), tmp_path / "run"
    given = ["--dataset=image_folder", f"--data_dir={folder}", "--batch_size=4", "--conditional"]
    given.append("--test_share=0")
    untrained(job_dir, *train_flags(job_dir, *given)[2:], step=3)
    again = run_forked(*train_flags(job_dir, *given, "--steps=5"))
    assert "resuming" in again.stderr and "complete at step 5" in again.stderr

    stored = json.loads((job_dir / "config.json").read_text())
    assert stored["recipe"]["data"]["attributes"] == [
        {"name": "class", "values": ["circle", "square"]}
    ]
    Image.new("RGB", (50, 50)).save(folder / "circle" / "5.png")
    changed = flags.train(train_flags(job_dir, *given, "--steps=7"))
    with pytest.raises(RefusedError, match="fingerprint"):
        resume.configured(changed, config_json.read(job_dir))


@pytest.mark.parametrize(("preset", "size"), [("own", 64), ("mlp", 32)])
def test_the_networks_fit_the_image_shape(preset, size, tmp_path):
    from trainer.gan.networks import build_networks

    folder = image_folder(tmp_path / "shapes")
    given = [
        "--dataset=image_folder",
        f"--data_dir={folder}",
        f"--image_size={size}",
        "--test_share=0",
    ]
    recipe = flags.train(
        ["train", "--job_dir=x", *given, "--batch_size=4", f"--preset={preset}"]
    ).recipe
    generator, discriminator = build_networks(recipe, "float32")
    assert generator.output_shape == (None, size, size, 3)
    assert discriminator.outputs[0].shape == (None, 1)


def test_resident_and_streamed_feeds_train_to_the_same_bits(tmp_path, monkeypatch):
    import tensorflow as tf

    from tests.gan.test_state import IMAGES, LABELS, make
    from trainer.gan.multi_step_graph import make_train_steps

    rows = np.arange(16, dtype=np.int32).reshape(2, 8)
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    metrics = []
    for feed in (feeding.Resident(IMAGES, LABELS, ["/cpu:0"]), feeding.Streamed(IMAGES, LABELS)):
        gan = make("--conditional", preset="mlp")
        values, _ = make_train_steps(gan, strategy, feed)(*feed.send(rows))
        metrics.append(values.numpy().tobytes())
    assert metrics[0] == metrics[1]


def test_a_missing_image_folder_is_refused_in_one_line(tmp_path):
    refused = run_forked(
        *train_flags(tmp_path / "run", "--dataset=image_folder", f"--data_dir={tmp_path}/none"),
        code=exits.REFUSED,
    )
    assert refused.stderr.count("\n") == 1


def test_every_data_set_has_a_source():
    assert loading.SOURCES.keys() == {*DATASETS, IMAGE_FOLDER}
