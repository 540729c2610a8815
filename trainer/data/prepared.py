"""Data sets as TensorFlow Datasets prepares them, and the arrays that are kept beside them.

Decoding takes longer than a start should. The arrays lie in files of their own, which are mapped
into memory: a set of any size can be trained on.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from trainer import storage
from trainer.data import DATASETS, DatasetSpec
from trainer.exits import RefusedError

log = logging.getLogger(__name__)

PREPARING_PATIENCE_SECONDS = 3600.0

Arrays = tuple[np.ndarray, np.ndarray]  # uint8 [N, height, width, channels], int64 [N]


def specify(name: str, data_dir: Path, image_size: int | None) -> DatasetSpec:
    """What is known of a set: its counts as prepared in `data_dir`, else as published."""
    spec = DATASETS[name]
    shape, counts = spec.image_shape, [spec.train_examples, spec.test_examples]
    if image_size is not None:
        shape = (image_size, image_size, shape[2])
    folder = _prepared(name, data_dir)
    if folder is not None:
        counts = _counts(folder)
    return DatasetSpec(name, shape, counts[0], counts[1], spec.class_names)


def check(spec: DatasetSpec, data_dir: Path) -> None:
    """Refuses a folder in which the set neither stands nor can be prepared; reads no data."""
    if _prepared(spec.dataset, data_dir) is None:
        storage.check_folder(data_dir, "data_dir")


def load(spec: DatasetSpec, split: str, data_dir: Path) -> Arrays:
    """Images and labels of a split, prepared first if need be, mapped from files.

    Raises:
      RefusedError: the set cannot be downloaded, or is damaged.
    """
    folder = prepare(spec, data_dir)
    files = [_array_file(folder, spec, split, kind) for kind in ("images", "labels")]
    log.info("data: %s prepared in %s", spec.dataset, data_dir)
    try:
        images, labels = (np.load(file, mmap_mode="r") for file in files)
    except (OSError, ValueError) as error:
        raise RefusedError(
            f"{files[0]} or its labels are damaged ({error}): remove them"
        ) from error
    return images, labels


def prepare(spec: DatasetSpec, data_dir: Path) -> Path:
    """Downloads and decodes what is not there yet.

    Returns:
      The folder of the prepared set.

    Raises:
      RefusedError: as for `load`.
    """
    folder = _prepared(spec.dataset, data_dir)
    if folder is not None and _is_decoded(folder, spec):
        return folder
    storage.make_folder(data_dir, "data_dir")
    with storage.exclusive(data_dir, "data_dir", PREPARING_PATIENCE_SECONDS):
        folder = _prepared(spec.dataset, data_dir) or _download(spec.dataset, data_dir)
        if not _is_decoded(folder, spec):
            for split in ("train", "test"):
                _decode(folder, spec, split, data_dir)
    return folder


def write_arrays(
    images: Path,
    labels: Path,
    count: int,
    shape: Sequence[int],
    examples: Callable[[], Iterator[tuple[np.ndarray, int]]],
) -> None:
    """Writes images and labels as two arrays, each whole or not at all, labels last."""

    def write_images(path: Path) -> None:
        array = np.lib.format.open_memmap(path, "w+", np.uint8, (count, *shape))
        for row, (image, label) in enumerate(examples()):
            array[row] = image
            numbers[row] = label
        array.flush()

    def write_labels(path: Path) -> None:
        with open(path, "wb") as file:
            np.save(file, numbers)

    numbers = np.zeros(count, np.int64)
    storage.write_atomically(images, write_images)
    storage.write_atomically(labels, write_labels)


def fitted(image: Image.Image, size: int, channels: int) -> np.ndarray:
    """The middle square, resized with antialiasing: uint8 `[size, size, channels]`."""
    converted = image.convert("L" if channels == 1 else "RGB")
    resized = ImageOps.fit(converted, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(resized, np.uint8).reshape(size, size, channels)


@contextlib.contextmanager
def quiet_tfds() -> Iterator[None]:
    """TensorFlow Datasets prints and draws bars; stdout is for results."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(sys.stderr):
        yield


def first_line(error: Exception) -> str:
    """An error in a line, for a message."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _prepared(name: str, data_dir: Path) -> Path | None:
    """The folder of the newest prepared version, or None."""
    try:
        versions = sorted((data_dir / name).glob("*/dataset_info.json"))
    except OSError:  # a name that no file can have
        return None
    return versions[-1].parent if versions else None


def _counts(folder: Path) -> list[int]:
    """Examples of `train` and `test`, as TensorFlow Datasets recorded them."""
    path = folder / "dataset_info.json"
    try:
        splits = json.loads(path.read_text(encoding="utf-8"))["splits"]
        lengths = {split["name"]: sum(map(int, split["shardLengths"])) for split in splits}
        return [lengths["train"], lengths["test"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefusedError(
            f"{path} is damaged ({first_line(error)}): prepare the set again"
        ) from error


def _array_file(folder: Path, spec: DatasetSpec, split: str, kind: str) -> Path:
    side = spec.image_shape[0]
    return folder.parent / f"decoded-{folder.name}-{side}-{split}-{kind}.npy"


def _is_decoded(folder: Path, spec: DatasetSpec) -> bool:
    return _array_file(folder, spec, "test", "labels").exists()  # written last


def _download(name: str, data_dir: Path) -> Path:
    import tensorflow_datasets as tfds

    log.info("data: preparing %s by the download of TensorFlow Datasets", name)
    try:
        with quiet_tfds():
            tfds.builder(name, data_dir=data_dir).download_and_prepare(
                download_config=tfds.download.DownloadConfig(try_download_gcs=False)
            )
    except Exception as error:  # whatever the network, its proxies and TFDS raise
        raise RefusedError(
            f"{name} cannot be downloaded ({first_line(error)}): name a --data_dir that holds "
            "the set as TensorFlow Datasets prepares it"
        ) from error
    folder = _prepared(name, data_dir)
    assert folder is not None
    return folder


def _decode(folder: Path, spec: DatasetSpec, split: str, data_dir: Path) -> None:
    """Reads the prepared set through TensorFlow Datasets, which decodes its pictures."""
    import tensorflow_datasets as tfds

    count = spec.train_examples if split == "train" else spec.test_examples

    def examples() -> Iterator[tuple[np.ndarray, int]]:
        read = tfds.as_numpy(
            tfds.load(spec.dataset, split=split, data_dir=data_dir, download=False)
        )
        for example in read:
            image = example["image"]
            if image.shape != spec.image_shape:
                image = fitted(Image.fromarray(image), spec.image_shape[0], spec.image_shape[2])
            yield image, int(example.get("label", 0))

    log.info("data: decoding %d images of %s", count, spec.dataset)
    files = [_array_file(folder, spec, split, kind) for kind in ("images", "labels")]
    try:
        write_arrays(files[0], files[1], count, spec.image_shape, examples)
    except Exception as error:  # missing or damaged records show in many ways
        raise RefusedError(
            f"{folder} is damaged ({first_line(error)}): remove it to prepare it again"
        ) from error
