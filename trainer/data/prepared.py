"""Data sets as TensorFlow Datasets prepares them, and the arrays that are kept beside them.

Decoding takes longer than a start should. The arrays lie in files of their own, which are mapped
into memory: a set of any size can be trained on.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import logging
import math
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from trainer.data import DatasetSpec
from trainer.system import file_system
from trainer.system.exits import RefusedError, first_line

log = logging.getLogger(__name__)

PREPARING_PATIENCE_SECONDS = 3600.0

Arrays = tuple[np.ndarray, np.ndarray]  # uint8 [N, height, width, channels], int64 [N]


def specify(spec: DatasetSpec, data_dir: Path) -> DatasetSpec:
    """The published set with its counts as prepared in `data_dir`, if it is."""
    folder = _prepared(spec.dataset, data_dir)
    if folder is None:
        return spec
    train_examples, test_examples = _counts(folder)
    return replace(spec, train_examples=train_examples, test_examples=test_examples)


def check(spec: DatasetSpec, data_dir: Path) -> None:
    """Refuses a folder in which the set neither stands nor can be prepared; reads no data."""
    if _prepared(spec.dataset, data_dir) is None:
        file_system.check_folder(data_dir, "data_dir")


def load(spec: DatasetSpec, split: str, data_dir: Path) -> Arrays:
    """Images and labels of a split, prepared first if need be, mapped from files.

    Raises:
      RefusedError: the set cannot be downloaded, or is damaged.
    """
    folder = prepare(spec, data_dir)
    log.info("data: %s prepared in %s", spec.dataset, data_dir)
    kept = folder.parent / f"decoded-{folder.name}-{spec.image_shape[0]}-{split}"
    count = spec.train_examples if split == "train" else spec.test_examples
    return mapped(kept, count) or _decode(folder, spec, split, kept, count)


def prepare(spec: DatasetSpec, data_dir: Path) -> Path:
    """Downloads the set if it is not there.

    Returns:
      The folder of the prepared set.

    Raises:
      RefusedError: it cannot be downloaded.
    """
    folder = _prepared(spec.dataset, data_dir)
    if folder is not None:
        return folder
    file_system.make_folder(data_dir, "data_dir")
    with file_system.exclusive(data_dir, "data_dir", PREPARING_PATIENCE_SECONDS):
        return _prepared(spec.dataset, data_dir) or _download(spec.dataset, data_dir)


def mapped(kept: Path, count: int) -> Arrays | None:
    """Arrays of so many examples that `keep` has written, or None."""
    try:
        images, labels = (
            np.load(kept.with_name(f"{kept.name}-{kind}.npy"), mmap_mode="r")
            for kind in ("images", "labels")
        )
    except (OSError, ValueError, EOFError):  # absent, or a damaged copy
        return None
    return (images, labels) if len(images) == len(labels) == count else None


def keep(
    kept: Path,
    count: int,
    shape: tuple[int, int, int],
    examples: Callable[[], Iterator[tuple[np.ndarray, int]]],
) -> Arrays:
    """Decodes a set into files, whole or not at all, and maps them; into memory if it must be.

    Args:
      kept: the files' common beginning.
      count: examples.
      shape: of an image.
      examples: gives images uint8 and labels.

    Raises:
      RefusedError: by `examples`, or there are not so many.
    """
    labels = np.zeros(count, np.int64)

    def write_images(path: Path) -> None:
        if shutil.disk_usage(path.parent).free < count * math.prod(shape):
            # To a mapped file the disk's end comes as a signal that kills.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        array = np.lib.format.open_memmap(path, "w+", np.uint8, (count, *shape))
        _fill(array, labels, examples(), kept.parent)
        array.flush()

    def write_labels(path: Path) -> None:
        with open(path, "wb") as file:
            np.save(file, labels)

    try:
        file_system.sweep_partial(kept.parent)
        file_system.write_atomically(kept.with_name(f"{kept.name}-images.npy"), write_images)
        file_system.write_atomically(kept.with_name(f"{kept.name}-labels.npy"), write_labels)
        written = mapped(kept, count)
        assert written is not None
        return written
    except OSError as error:  # a read-only folder, a full disk
        log.info("data: decoded arrays are not kept (%s)", error)
        images = np.zeros((count, *shape), np.uint8)
        _fill(images, labels, examples(), kept.parent)
        return images, labels


def _fill(
    images: np.ndarray,
    labels: np.ndarray,
    examples: Iterator[tuple[np.ndarray, int]],
    folder: Path,
) -> None:
    """Writes the examples into the arrays.

    Raises:
      RefusedError: there are more or fewer of them.
    """
    rows = 0
    for image, label in itertools.islice(examples, len(images) + 1):
        if rows < len(images):
            images[rows], labels[rows] = image, label
        rows += 1
    if rows != len(images):
        raise RefusedError(f"{folder} does not hold {len(images)} images: prepare it again")


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


def _prepared(name: str, data_dir: Path) -> Path | None:
    """The folder of the newest prepared version, or None."""
    try:
        found = [
            path.parent
            for path in (data_dir / name).glob("*/dataset_info.json")
            if re.fullmatch(r"\d+\.\d+\.\d+", path.parent.name)
        ]
    except OSError:  # a name that no file can have
        return None
    return max(found, key=lambda path: [int(part) for part in path.name.split(".")], default=None)


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


def _download(name: str, data_dir: Path) -> Path:
    import tensorflow_datasets as tfds

    log.info("data: preparing %s by the download of TensorFlow Datasets", name)
    try:
        with quiet_tfds():  # where the network fails, it tries again for three minutes
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


def _decode(folder: Path, spec: DatasetSpec, split: str, kept: Path, count: int) -> Arrays:
    """Reads the prepared set through TensorFlow Datasets, which decodes its pictures."""
    import tensorflow_datasets as tfds

    side, _, channels = spec.image_shape

    def examples() -> Iterator[tuple[np.ndarray, int]]:
        try:
            builder = tfds.builder_from_directory(str(folder))
            for example in tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False)):
                image = example["image"]
                if image.shape != spec.image_shape:
                    image = fitted(Image.fromarray(image), side, channels)
                yield image, int(example.get("label", 0))
        except Exception as error:  # missing or damaged records show in many ways
            raise RefusedError(
                f"{folder} is damaged ({first_line(error)}): remove it to prepare it again"
            ) from error

    log.info("data: decoding %d images of %s", count, spec.dataset)
    return keep(kept, count, spec.image_shape, examples)
