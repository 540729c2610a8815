"""A folder of image files as a data set, with subfolders as classes, or without classes."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from trainer.data.datasets import IMAGE_FOLDER, DatasetSpec
from trainer.data.prepared import Arrays, crop_and_resize, decode_to_files, load_mapped
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
MOST_NAMED = 20  # of the files that are not used
_ROTATIONS = {  # by EXIF's orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def specify(folder: Path, image_size: int) -> DatasetSpec:
    """The folder's specification. The set is grey if the first image is, else it has colours.

    Raises:
      RefusedError: there is no such folder, no image in it, or images both in it and in
        subfolders; or the first image cannot be read.
    """
    files = _files(folder)
    try:
        with Image.open(files[0]) as first:
            channels = 1 if _is_grey(first) else 3
    except Exception as error:  # Pillow's plug-ins raise whatever damage leads to
        raise _unreadable(files[0], error) from error
    names = tuple(dict.fromkeys(path.parent.name for path in files if path.parent != folder))
    digest = hashlib.sha256()
    for path in files:
        digest.update(os.fsencode(path.relative_to(folder)) + b" %d " % path.stat().st_size)
    shape = (image_size, image_size, channels)
    return DatasetSpec(IMAGE_FOLDER, shape, len(files), 0, names, digest.hexdigest()[:16])


def load(spec: DatasetSpec, split: str, folder: Path) -> Arrays:
    """Images and labels, decoded and resized once and stored beside the image files.

    Raises:
      RefusedError: an image cannot be read, or has colours where the first is grey; or the split
        is not `train`.
    """
    if split != "train":
        raise RefusedError(f"--dataset={IMAGE_FOLDER} has no images for {split}")
    files = _files(folder)
    size_prefix = f".decoded-{spec.image_shape[0]}-"
    path_prefix = folder / f"{size_prefix}{_digest(spec, files)}"
    arrays = load_mapped(path_prefix, len(files))
    if arrays is None:
        log.info("data: decoding %d pictures in %s", len(files), folder)
        arrays = decode_to_files(
            path_prefix, len(files), spec.image_shape, lambda: _examples(spec, files, folder)
        )
        for outdated in folder.glob(f"{size_prefix}*.npy"):
            if not outdated.name.startswith(path_prefix.name):
                outdated.unlink(missing_ok=True)
    _log_what_is_used(spec, files, folder)
    return arrays


def _files(folder: Path) -> list[Path]:
    """All image files, sorted by path."""
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        files = [path for path in entries if _is_image_file(path)]
        in_subfolders = [
            path
            for subfolder in entries
            if subfolder.is_dir()
            for path in sorted(subfolder.iterdir())
            if _is_image_file(path)
        ]
    except OSError as error:
        raise RefusedError(
            f"--data_dir={folder} cannot be read ({error.strerror}): name a folder of pictures"
        ) from error
    if files and in_subfolders:
        raise RefusedError(
            f"--data_dir={folder} holds pictures and subfolders of pictures: move the former into "
            "a subfolder if there are classes, or out of it"
        )
    if not files and not in_subfolders:
        suffixes = ", ".join(SUFFIXES)
        raise RefusedError(
            f"--data_dir={folder} holds no pictures ({suffixes}), nor do its subfolders"
        )
    return files or in_subfolders


def _is_image_file(path: Path) -> bool:
    has_name = path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    return has_name and path.is_file()


def _examples(
    spec: DatasetSpec, files: list[Path], folder: Path
) -> Iterator[tuple[np.ndarray, int]]:
    numbers = {folder / name: number for number, name in enumerate(spec.class_names)}
    size, _, channels = spec.image_shape
    broken: list[str] = []
    for path in files:
        try:
            with Image.open(path) as picture:
                if channels == 1 and not _is_grey(picture):
                    broken.append(f"{path} has colours, {files[0]} has none: convert one")
                    continue
                image = crop_and_resize(_as_displayed(picture), size, channels)
        except Exception as error:  # Pillow's plug-ins raise whatever damage leads to
            broken.append(str(_unreadable(path, error)))
            continue
        yield image, numbers.get(path.parent, 0)
    if broken:
        raise RefusedError("; ".join(broken))


def _log_what_is_used(spec: DatasetSpec, files: list[Path], folder: Path) -> None:
    """Says how many images each class has, and what in the folder is not used."""
    log.info("data: %d pictures in %s (%s)", len(files), folder, _counted(files))
    if spec.class_names:
        of_class = Counter(path.parent.name for path in files)
        log.info("data: %s", ", ".join(f"{name} {of_class[name]}" for name in spec.class_names))
    used, unused = set(files), []
    with contextlib.suppress(OSError):  # what cannot be listed cannot be named
        unused = [
            path
            for path in sorted(folder.rglob("*"))
            if path not in used
            and path.is_file()
            and not path.name.startswith((".decoded-", ".lock"))
        ]
    if unused:
        log.warning(
            "data: %d files are not used (%s), being of another kind, hidden, or too deep: %s%s",
            *(len(unused), _counted(unused)),
            ", ".join(str(path.relative_to(folder)) for path in unused[:MOST_NAMED]),
            ", ..." if len(unused) > MOST_NAMED else "",
        )


def _counted(files: list[Path]) -> str:
    """How many files there are of each suffix."""
    counts = Counter(path.suffix.lower() or "no suffix" for path in files)
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common())


def _is_grey(picture: Image.Image) -> bool:
    return picture.mode in ("1", "L", "LA", "I", "F") or picture.mode.startswith("I;16")


def _as_displayed(picture: Image.Image) -> Image.Image:
    """Applies the EXIF rotation, reduces 16 bits to 8, and puts transparent images on black."""
    method = _ROTATIONS.get(_orientation(picture))
    rotated = picture if method is None else picture.transpose(method)
    if rotated.mode.startswith("I"):  # 16 bits, which Pillow would clip to 8
        return Image.fromarray((np.asarray(rotated, np.int64) // 257).clip(0, 255).astype(np.uint8))
    if rotated.has_transparency_data:
        with_alpha = rotated.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", with_alpha.size, "black"), with_alpha)
    return rotated


def _orientation(picture: Image.Image) -> int:
    """EXIF's entry alone: others may be damaged, which no viewer cares about."""
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damage shows in many ways
        return 1
    return value if isinstance(value, int) else 1


def _digest(spec: DatasetSpec, files: list[Path]) -> str:
    """A hash of the shape and of the files' names, sizes and modification times."""
    digest = hashlib.sha256(f"{spec.image_shape} {spec.fingerprint}".encode())
    for path in files:
        digest.update(b"%d " % path.stat().st_mtime_ns)
    return digest.hexdigest()[:16]


def _unreadable(path: Path, error: BaseException) -> RefusedError:
    return RefusedError(f"{path} is no picture that can be read ({error}): repair or remove it")
