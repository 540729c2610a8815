"""Data sets other than Fashion-MNIST: as TensorFlow Datasets prepares them, and folders."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import run, train_flags
from trainer.configuration import checks, config, flags, presets
from trainer.data import DATASETS, feeding, loading, prepared
from trainer.runs import trained
from trainer.system import exits
from trainer.system.exits import RefusedError

TRAIN, TEST = 24, 6
# Downloads that cannot be reached here: a small set of the same structure stands for each.
PREPARED = ["celeb_a", "cifar10", "kmnist", "mnist"]


def zero(feature) -> str | int:
    return 0 if np.issubdtype(feature.np_dtype, np.number) else "0"


def prepare_small(name: str, data_dir: Path) -> None:
    """A set that TensorFlow Datasets' own builder of that name has written, of few examples."""
    import tensorflow_datasets as tfds

    original = tfds.builder_cls(name)

    class Small(original, skip_registration=True):  # type: ignore[call-arg, misc, valid-type]
        pkg_dir_path = original.pkg_dir_path

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(TRAIN), "test": self._generate_examples(TEST)}

        def _generate_examples(self, count):
            random = np.random.default_rng(count)
            features = self.info.features
            for number in range(count):
                example = {}
                for key, feature in features.items():
                    if key == "image":
                        example[key] = random.integers(0, 256, feature.shape, np.uint8)
                    elif hasattr(feature, "keys"):
                        example[key] = dict.fromkeys(feature, 0)
                    else:
                        example[key] = number % 10 if key == "label" else zero(feature)
                yield number, example

    Small.name = name
    Small(data_dir=data_dir).download_and_prepare()


def resolve(*arguments: str) -> config.Config:
    return flags.train(["train", "--job_dir=x", "--preset=mlp", "--batch_size=4", *arguments])


@pytest.mark.parametrize("name", PREPARED)
def test_a_prepared_set_is_read_in_the_shape_that_is_said_before(name, tmp_path):
    prepare_small(name, tmp_path)

    spec = resolve(f"--dataset={name}", f"--data_dir={tmp_path}").recipe.data
    images, labels = loading.load(spec, "train", tmp_path)
    test_images, _ = loading.load(spec, "test", tmp_path)

    assert spec.image_shape == DATASETS[name].image_shape
    assert (spec.train_examples, spec.test_examples) == (TRAIN, TEST)
    assert images.shape == (TRAIN, *spec.image_shape) and images.dtype == np.uint8
    assert test_images.shape == (TEST, *spec.image_shape)
    assert images.std() > 20
    assert len(set(labels)) == (10 if spec.class_names else 1)
    again, _ = loading.load(spec, "train", tmp_path)
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(images, again)


def test_a_set_that_can_neither_be_found_nor_downloaded_is_refused(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def unreachable(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", unreachable)
    spec = resolve("--dataset=cifar10", f"--data_dir={tmp_path}").recipe.data
    with pytest.raises(RefusedError, match=r"cifar10 cannot be downloaded .*no route to host"):
        loading.load(spec, "train", tmp_path)


def test_a_disk_without_room_keeps_the_arrays_in_memory(tmp_path, monkeypatch):
    folder = pictures(tmp_path / "shapes")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(prepared.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    images, _ = loading.load(loading.specify("image_folder", folder, 32), "train", folder)
    assert images.shape == (12, 32, 32, 3) and not list(folder.glob(".*"))


@pytest.mark.parametrize("claimed", [TRAIN - 1, TRAIN + 1])
def test_another_number_of_images_than_the_set_claims_is_refused(claimed, tmp_path):
    prepare_small("mnist", tmp_path)
    spec = resolve("--dataset=mnist", f"--data_dir={tmp_path}").recipe.data
    spec = dataclasses.replace(spec, train_examples=claimed)
    with pytest.raises(RefusedError, match=f"does not hold {claimed} images"):
        loading.load(spec, "train", tmp_path)


def test_damaged_records_are_refused(tmp_path):
    prepare_small("mnist", tmp_path)
    for record in tmp_path.glob("mnist/*/mnist-train.tfrecord*"):
        record.write_bytes(record.read_bytes()[:-20])
    spec = resolve("--dataset=mnist", f"--data_dir={tmp_path}").recipe.data
    with pytest.raises(RefusedError, match="is damaged"):
        loading.load(spec, "train", tmp_path)


def test_faces_have_no_labels_to_condition_on(tmp_path):
    with pytest.raises(RefusedError, match="--dataset=celeb_a has none"):
        resolve("--dataset=celeb_a", f"--data_dir={tmp_path}", "--conditional")
    small = resolve("--dataset=celeb_a", f"--data_dir={tmp_path}", "--image_size=28").recipe.data
    assert small.image_shape == (28, 28, 3)


def test_a_size_for_images_that_have_one_is_refused():
    with pytest.raises(RefusedError, match="28 pixels wide"):
        resolve("--image_size=32")


def pictures(
    folder: Path, kinds: tuple[str, ...] = ("circle", "square"), mode: str = "RGB"
) -> Path:
    random = np.random.default_rng(0)
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
        for number in range(6):
            pixels = random.integers(0, 256, (50, 40 + 20 * number, 3), np.uint8)
            Image.fromarray(pixels).convert(mode).save(folder / kind / f"{number}.png")
    return folder


def test_a_folder_of_pictures_has_its_subfolders_as_classes(tmp_path):
    folder = pictures(tmp_path / "shapes")

    spec = resolve("--dataset=image_folder", f"--data_dir={folder}").recipe.data
    images, labels = loading.load(spec, "train", folder)

    assert spec.class_names == ("circle", "square")
    assert images.shape == (12, 32, 32, 3)
    assert list(labels) == [0] * 6 + [1] * 6
    assert len(list(folder.glob(".decoded-*"))) == 2
    again, _ = loading.load(spec, "train", folder)
    np.testing.assert_array_equal(images, again)
    Image.new("RGB", (32, 32), "red").save(folder / "square" / "0.png")
    changed, _ = loading.load(spec, "train", folder)
    np.testing.assert_array_equal(changed[6], np.full((32, 32, 3), [255, 0, 0]))
    assert len(list(folder.glob(".decoded-*"))) == 2  # the outdated ones are gone


def test_pictures_are_read_as_a_viewer_shows_them(tmp_path):
    ramp = np.repeat(np.arange(256, dtype=np.uint16)[None] * 257, 256, 0)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    deep, _ = loading.load(loading.specify("image_folder", tmp_path, 64), "train", tmp_path)
    assert deep.shape == (1, 64, 64, 1)
    np.testing.assert_allclose(deep[0, 0, 2:-2, 0], np.linspace(0, 255, 64)[2:-2], atol=3)

    (tmp_path / "deep.png").unlink()
    glass = Image.new("RGBA", (32, 32), (255, 255, 255, 0))
    glass.paste((255, 0, 0, 255), (0, 0, 16, 32))
    glass.save(tmp_path / "glass.png")
    turned = Image.new("RGB", (32, 32), "black")
    turned.paste((0, 255, 0), (0, 0, 32, 16))
    exif = turned.getexif()
    exif[0x0112] = 3  # upside down
    turned.save(tmp_path / "turned.png", exif=exif)
    (glass_pixels, turned_pixels), _ = loading.load(
        loading.specify("image_folder", tmp_path, 32), "train", tmp_path
    )
    assert list(glass_pixels[5, 2]) == [255, 0, 0] and list(glass_pixels[5, -2]) == [0, 0, 0]
    assert list(turned_pixels[2, 5]) == [0, 0, 0] and list(turned_pixels[-2, 5]) == [0, 255, 0]


def test_a_coloured_picture_among_grey_ones_is_refused(tmp_path):
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "b.png")
    with pytest.raises(RefusedError, match=r"b\.png has colours"):
        loading.load(loading.specify("image_folder", tmp_path, 32), "train", tmp_path)


def test_arrays_that_cannot_be_kept_are_used_from_memory(tmp_path, monkeypatch):
    folder = pictures(tmp_path / "shapes")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(prepared.file_system, "write_atomically", full)
    images, labels = loading.load(loading.specify("image_folder", folder, 32), "train", folder)
    assert images.shape == (12, 32, 32, 3) and images.std() > 5 and labels.sum() == 6
    assert not list(folder.glob(".decoded-*"))


@pytest.mark.parametrize(
    ("asked_for", "label"), [("Cats", 0), ("cats", 0), ("7", 2), ("1", 1), ("hot dogs", 1)]
)
def test_a_class_is_named_by_its_name_before_its_number(asked_for, label):
    recipe = resolve("--conditional").recipe
    data = dataclasses.replace(recipe.data, class_names=("Cats", "Hot Dogs", "7"))
    recipe = dataclasses.replace(recipe, data=data)
    assert trained.label_cycle(recipe, [asked_for]) == [label]


def test_pictures_are_resized_with_antialiasing_and_keep_their_proportions(tmp_path):
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    wide = np.concatenate([np.zeros((64, 32, 1)), stripes, np.zeros((64, 32, 1))], 1)
    Image.fromarray(wide.astype(np.uint8).squeeze(-1)).save(tmp_path / "stripes.png")

    spec = loading.specify("image_folder", tmp_path, 28)
    images, _ = loading.load(spec, "train", tmp_path)

    assert spec.image_shape == (28, 28, 1) and not spec.class_names
    assert images[0, 5:-5, 5:-5].min() > 100 and images[0, 5:-5, 5:-5].max() < 155


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (
            lambda folder: (folder / "circle" / "3.png").write_bytes(b"GIF89a"),
            "3.png is no picture",
        ),
        (lambda folder: Image.new("L", (9, 9)).save(folder / "stray.png"), "move the former"),
        (lambda folder: [path.unlink() for path in folder.rglob("*.png")], "holds no pictures"),
        (lambda folder: folder.rename(folder.with_name("away")), "cannot be read"),
        (
            lambda folder: (folder / "circle" / "0.png").write_bytes(b"nothing"),
            "0.png is no picture",
        ),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused(damage, reason, tmp_path):
    folder = pictures(tmp_path / "shapes")
    damage(folder)
    with pytest.raises(RefusedError, match=reason):
        loading.load(loading.specify("image_folder", folder, 32), "train", folder)


def test_a_run_on_pictures_resumes_and_refuses_a_changed_folder(tmp_path):
    folder, job_dir = pictures(tmp_path / "shapes"), tmp_path / "run"
    given = ["--dataset=image_folder", f"--data_dir={folder}", "--batch_size=4", "--conditional"]
    run(*train_flags(job_dir, *given, "--steps=3"))
    again = run(*train_flags(job_dir, *given, "--steps=5"))
    assert "resuming" in again.stderr and "complete at step 5" in again.stderr

    stored = json.loads((job_dir / "config.json").read_text())
    assert stored["recipe"]["data"]["class_names"] == ["circle", "square"]
    Image.new("RGB", (50, 50)).save(folder / "circle" / "5.png")
    changed = flags.train(train_flags(job_dir, *given, "--steps=7"))
    with pytest.raises(RefusedError, match="fingerprint"):
        checks.check_resume(stored, changed)


@pytest.mark.parametrize("preset", presets.names())
@pytest.mark.parametrize("size", [32, 64])
def test_networks_take_their_depth_and_channels_from_the_image_s_shape(preset, size, tmp_path):
    from trainer.gan.fashion_gan import build_networks

    folder = pictures(tmp_path / "shapes")
    given = ["--dataset=image_folder", f"--data_dir={folder}", f"--image_size={size}"]
    recipe = flags.train(
        ["train", "--job_dir=x", *given, "--batch_size=4", f"--preset={preset}"]
    ).recipe
    generator, discriminator = build_networks(recipe, "float32")
    assert generator.output_shape == (None, size, size, 3)
    assert discriminator.output_shape == (None, 1)


def test_a_set_too_large_for_the_device_trains_to_the_same_bits(tmp_path, monkeypatch):
    import tensorflow as tf

    from tests.gan.test_fashion_gan import IMAGES, LABELS, make
    from trainer.gan.train_steps import make_train_steps

    rows = np.arange(16, dtype=np.int32).reshape(2, 8)
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    metrics = []
    for feed in (feeding.Resident(IMAGES, LABELS, ["/cpu:0"]), feeding.Streamed(IMAGES, LABELS)):
        gan = make("--conditional", preset="mlp")
        values, _ = make_train_steps(gan, strategy, feed)(*feed.send(rows))
        metrics.append(values.numpy().tobytes())
    assert metrics[0] == metrics[1]


def test_wrong_data_is_refused_before_the_first_step(tmp_path):
    refused = run(
        *train_flags(tmp_path / "run", "--dataset=image_folder", f"--data_dir={tmp_path}/none"),
        code=exits.REFUSED,
    )
    assert refused.stderr.count("\n") == 1
