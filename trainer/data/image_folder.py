"""A folder of image files as a data set, with subfolders as classes, or without classes."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from trainer.data import picture_files, pictures
from trainer.data.datasets import IMAGE_FOLDER, Attribute, DatasetSpec
from trainer.data.picture_files import RULES, Files, Rules
from trainer.data.prepared import Arrays, decode_to_files, load_mapped
from trainer.system import file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

_THREADS = 4  # that read files; hashing lets other threads run


def specify(folder: Path, image_size: int, rules: int = picture_files.CURRENT) -> DatasetSpec:
    """The folder's specification, for which all files are read.

    Args:
      folder: of pictures, or of subfolders of pictures.
      image_size: height and width to which they are resized.
      rules: the number of the rules by which the folder is read.

    Raises:
      RefusedError: as `picture_files.find`; or no picture can be read.
    """
    by = RULES[rules]
    files = picture_files.find(folder, rules).pictures
    channels = 3 if _has_colours(files, by) else 1
    folders = [picture_files.class_folder(path, folder) for path in files]
    names = tuple(dict.fromkeys(path.name for path in folders if path))
    shape = (image_size, image_size, channels)
    fingerprint = _fingerprint(files, folder, by)
    return DatasetSpec(
        IMAGE_FOLDER,
        shape,
        len(files),
        0,
        (Attribute("class", names),) if names else (),
        fingerprint,
        rules,
    )


def load(spec: DatasetSpec, split: str, folder: Path) -> Arrays:
    """Images and labels, decoded and resized once and stored beside the image files.

    Raises:
      RefusedError: images cannot be read, or have colours where the set has none; or the split
        is not `train`.
    """
    if split != "train":
        raise RefusedError(f"--dataset={IMAGE_FOLDER} has no images for {split}")
    files = picture_files.find(folder, spec.folder_rules)
    size_prefix = f".decoded-{spec.image_shape[0]}-"
    path_prefix = folder / f"{size_prefix}{_digest(spec, files.pictures)}"
    arrays = load_mapped(path_prefix, len(files.pictures))
    if arrays is None:
        log.info("data: decoding %d pictures in %s", len(files.pictures), folder)
        arrays = decode_to_files(
            path_prefix,
            len(files.pictures),
            spec.image_shape,
            lambda: _examples(spec, files.pictures, folder),
        )
        for outdated in folder.glob(f"{size_prefix}*.npy"):
            if not outdated.name.startswith(path_prefix.name):
                outdated.unlink(missing_ok=True)
    _log_what_is_used(files, folder)
    return arrays


def _has_colours(files: list[Path], by: Rules) -> bool:
    """Whether any picture has colours; by the first rules, whether the first readable one has."""
    errors = []
    grey = False
    for path in files:
        try:
            with pictures.opened(path) as picture:
                if not pictures.is_grey(picture):
                    return True
        except Exception as error:  # Pillow's plug-ins raise whatever damage leads to
            errors.append(_unreadable(path, error))
            continue
        grey = True
        if not by.any_colour:
            return False
    if not grey:
        raise RefusedError("; ".join(errors))
    return False


def _fingerprint(files: list[Path], folder: Path, by: Rules) -> str:
    """A hash of the files' names and contents; by the first rules, of their names and sizes."""
    digest = hashlib.sha256()
    if not by.by_content:
        for path in files:
            digest.update(os.fsencode(path.relative_to(folder)) + b" %d " % path.stat().st_size)
        return digest.hexdigest()[:16]
    with ThreadPoolExecutor(_THREADS) as pool:
        for path, content in zip(files, pool.map(_content_digest, files), strict=True):
            digest.update(os.fsencode(path.relative_to(folder)) + b"\0" + content)
    return digest.hexdigest()[:16]


def _content_digest(path: Path) -> bytes:
    try:
        return bytes.fromhex(file_system.sha256(path))
    except OSError as error:
        raise RefusedError(_unreadable(path, error)) from error


def _digest(spec: DatasetSpec, files: list[Path]) -> str:
    """Names what was decoded; by the first rules, modification times stand for the contents."""
    digest = hashlib.sha256(f"{spec.image_shape} {spec.fingerprint}".encode())
    if not RULES[spec.folder_rules].by_content:
        for path in files:
            digest.update(b"%d " % path.stat().st_mtime_ns)
    return digest.hexdigest()[:16]


def _examples(
    spec: DatasetSpec, files: list[Path], folder: Path
) -> Iterator[tuple[np.ndarray, int]]:
    """All pictures; those that are broken are named at the end."""
    numbers = {folder / name: number for number, name in enumerate(spec.class_names)}
    size, _, channels = spec.image_shape
    in_strips = RULES[spec.folder_rules].in_strips
    broken: list[str] = []
    several_frames = 0
    for path in files:
        try:
            with pictures.opened(path) as picture:
                if channels == 1 and not pictures.is_grey(picture):
                    broken.append(f"{path} has colours, {files[0]} has none: convert one")
                    continue
                image = pictures.pixels(picture, size, channels, in_strips)
                several_frames += pictures.has_several_frames(picture)
        except Exception as error:  # Pillow's plug-ins raise whatever damage leads to
            broken.append(_unreadable(path, error))
            continue
        subfolder = picture_files.class_folder(path, folder)
        yield image, numbers[subfolder] if subfolder else 0
    if broken:
        raise RefusedError("; ".join(broken))
    if several_frames:
        log.info("data: %d pictures have several frames: the first is used", several_frames)


def _log_what_is_used(files: Files, folder: Path) -> None:
    """Says how many images each class has, and what in the folder is not used."""
    log.info(
        *("data: %d pictures in %s (%s)", len(files.pictures), folder),
        picture_files.counted(files.pictures),
    )
    folders = [picture_files.class_folder(path, folder) for path in files.pictures]
    of_class = Counter(path.name for path in folders if path)
    if of_class:
        log.info("data: %s", ", ".join(f"{name} {count}" for name, count in of_class.items()))
    for reason, paths in sorted(files.unused.items()):
        names = picture_files.listed(paths, folder)
        log.warning("data: %d files are not used, being %s (%s)", len(paths), reason, names)
    if files.empty:
        names = ", ".join(path.name for path in files.empty)
        log.warning("data: %d subfolders hold no pictures (%s)", len(files.empty), names)


def _unreadable(path: Path, error: BaseException) -> str:
    return f"{path} is no picture that can be read ({error}): repair or remove it"
