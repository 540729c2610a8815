"""A folder of pictures as a data set: classes by subfolder, or none."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from trainer.data import IMAGE_FOLDER, DatasetSpec
from trainer.data.prepared import Arrays, fitted, write_arrays
from trainer.exits import RefusedError

log = logging.getLogger(__name__)

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")


def specify(folder: Path, image_size: int) -> DatasetSpec:
    """What the folder holds. Pictures are grey if the first one is, else they have colours.

    Raises:
      RefusedError: there is no such folder, no picture in it, or pictures both in it and in
        subfolders.
    """
    files = _files(folder)
    try:
        with Image.open(files[0]) as first:
            channels = 1 if first.mode in ("1", "L", "LA", "I;16") else 3
    except OSError as error:
        raise _unreadable(files[0], error) from error
    shape = (image_size, image_size, channels)
    return DatasetSpec(IMAGE_FOLDER, shape, len(files), 0, _class_names(folder, files))


def load(spec: DatasetSpec, split: str, folder: Path) -> Arrays:
    """Images and labels, decoded and resized once and kept beside the pictures.

    Raises:
      RefusedError: a picture cannot be read, or another split than `train` is asked for.
    """
    if split != "train":
        raise RefusedError(f"--dataset={IMAGE_FOLDER} has no images for {split}")
    files = _files(folder)
    images, labels = (
        folder / f".decoded-{_digest(spec, files)}-{kind}.npy" for kind in ("images", "labels")
    )
    if not labels.exists():
        log.info("data: decoding %d pictures in %s", len(files), folder)
        write_arrays(
            images, labels, len(files), spec.image_shape, lambda: _examples(spec, files, folder)
        )
    log.info("data: %d pictures in %s", len(files), folder)
    return np.load(images, mmap_mode="r"), np.load(labels, mmap_mode="r")


def _files(folder: Path) -> list[Path]:
    """Every picture, in the order of their names."""
    if not folder.is_dir():
        raise RefusedError(f"--data_dir={folder} is no folder: name one that holds pictures")
    inside = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    files = [path for path in inside if path.suffix.lower() in SUFFIXES and path.is_file()]
    below = [
        path
        for subfolder in inside
        if subfolder.is_dir()
        for path in sorted(subfolder.iterdir())
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]
    if files and below:
        raise RefusedError(
            f"--data_dir={folder} holds pictures and subfolders of pictures: move the former into "
            "a subfolder if there are classes, or out of it"
        )
    if not files and not below:
        known = ", ".join(SUFFIXES)
        raise RefusedError(
            f"--data_dir={folder} holds no pictures ({known}), nor do its subfolders"
        )
    return files or below


def _class_names(folder: Path, files: list[Path]) -> tuple[str, ...]:
    names = dict.fromkeys(path.parent.name for path in files if path.parent != folder)
    return tuple(names)


def _examples(
    spec: DatasetSpec, files: list[Path], folder: Path
) -> Iterator[tuple[np.ndarray, int]]:
    numbers = {folder / name: number for number, name in enumerate(spec.class_names)}
    for path in files:
        try:
            with Image.open(path) as picture:
                image = fitted(picture, spec.image_shape[0], spec.image_shape[2])
        except OSError as error:
            raise _unreadable(path, error) from error
        yield image, numbers.get(path.parent, 0)


def _digest(spec: DatasetSpec, files: list[Path]) -> str:
    """Changes with the shape, the pictures' names, sizes and times."""
    digest = hashlib.sha256(str(spec.image_shape).encode())
    for path in files:
        status = path.stat()
        digest.update(
            f"{path.parent.name}/{path.name} {status.st_size} {status.st_mtime_ns}".encode()
        )
    return digest.hexdigest()[:16]


def _unreadable(path: Path, error: OSError) -> RefusedError:
    return RefusedError(f"{path} is no picture that can be read ({error}): repair or remove it")
