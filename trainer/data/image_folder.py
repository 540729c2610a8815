"""A folder of pictures as a data set: classes by subfolder, or none."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from trainer.data import IMAGE_FOLDER, DatasetSpec
from trainer.data.prepared import Arrays, fitted, keep, mapped
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def specify(folder: Path, image_size: int) -> DatasetSpec:
    """What the folder holds. Pictures are grey if the first one is, else they have colours.

    Raises:
      RefusedError: there is no such folder, no picture in it, or pictures both in it and in
        subfolders; or the first picture cannot be read.
    """
    files = _files(folder)
    try:
        with Image.open(files[0]) as first:
            channels = 1 if _is_grey(first) else 3
    except _UNREADABLE as error:
        raise _unreadable(files[0], error) from error
    names = tuple(dict.fromkeys(path.parent.name for path in files if path.parent != folder))
    digest = hashlib.sha256()
    for path in files:
        digest.update(os.fsencode(path.relative_to(folder)) + b" %d " % path.stat().st_size)
    shape = (image_size, image_size, channels)
    return DatasetSpec(IMAGE_FOLDER, shape, len(files), 0, names, digest.hexdigest()[:16])


def load(spec: DatasetSpec, split: str, folder: Path) -> Arrays:
    """Images and labels, decoded and resized once and kept beside the pictures.

    Raises:
      RefusedError: a picture cannot be read, or has colours where the first is grey; or another
        split than `train` is asked for.
    """
    if split != "train":
        raise RefusedError(f"--dataset={IMAGE_FOLDER} has no images for {split}")
    files = _files(folder)
    of_size = f".decoded-{spec.image_shape[0]}-"
    kept = folder / f"{of_size}{_digest(spec, files)}"
    arrays = mapped(kept, len(files))
    if arrays is None:
        log.info("data: decoding %d pictures in %s", len(files), folder)
        arrays = keep(kept, len(files), spec.image_shape, lambda: _examples(spec, files, folder))
        for outdated in folder.glob(f"{of_size}*.npy"):
            if not outdated.name.startswith(kept.name):
                outdated.unlink(missing_ok=True)
    log.info("data: %d pictures in %s", len(files), folder)
    return arrays


def _files(folder: Path) -> list[Path]:
    """Every picture, in the order of their names."""
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        files = [path for path in inside if _is_picture(path)]
        below = [
            path
            for subfolder in inside
            if subfolder.is_dir()
            for path in sorted(subfolder.iterdir())
            if _is_picture(path)
        ]
    except OSError as error:
        raise RefusedError(
            f"--data_dir={folder} cannot be read ({error.strerror}): name a folder of pictures"
        ) from error
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


def _is_picture(path: Path) -> bool:
    is_one = path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    return is_one and path.is_file()


def _examples(
    spec: DatasetSpec, files: list[Path], folder: Path
) -> Iterator[tuple[np.ndarray, int]]:
    numbers = {folder / name: number for number, name in enumerate(spec.class_names)}
    side, _, channels = spec.image_shape
    for path in files:
        try:
            with Image.open(path) as picture:
                if channels == 1 and not _is_grey(picture):
                    raise RefusedError(f"{path} has colours, {files[0]} has none: convert one")
                image = fitted(_upright(picture), side, channels)
        except _UNREADABLE as error:
            raise _unreadable(path, error) from error
        yield image, numbers.get(path.parent, 0)


def _is_grey(picture: Image.Image) -> bool:
    return picture.mode in ("1", "L", "LA", "I", "F") or picture.mode.startswith("I;16")


def _upright(picture: Image.Image) -> Image.Image:
    """The picture as a viewer shows it: turned, of eight bits, on black where transparent."""
    turned = ImageOps.exif_transpose(picture)
    if turned.mode.startswith("I"):  # 16 bits, which Pillow would clip
        return Image.fromarray((np.asarray(turned, np.int64) // 257).clip(0, 255).astype(np.uint8))
    if turned.has_transparency_data:
        opaque = turned.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", opaque.size, "black"), opaque)
    return turned


def _digest(spec: DatasetSpec, files: list[Path]) -> str:
    """Changes with the shape, the pictures' names, sizes and times."""
    digest = hashlib.sha256(f"{spec.image_shape} {spec.fingerprint}".encode())
    for path in files:
        digest.update(b"%d " % path.stat().st_mtime_ns)
    return digest.hexdigest()[:16]


def _unreadable(path: Path, error: BaseException) -> RefusedError:
    return RefusedError(f"{path} is no picture that can be read ({error}): repair or remove it")
