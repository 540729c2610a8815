"""Pictures that a user gives to a command, in the form of a run's: files, a folder, or an .npz."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.data import (
    array_files,
    folder_notes,
    image_folder,
    picture_files,
    pictures,
)
from trainer.data.datasets import DatasetSpec, FolderReading
from trainer.data.labels import NOT_GIVEN
from trainer.system import memory
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

_COPIES = 3  # of all pictures at once: as they are, with masks, without what is missing
_ON_BLACK = ("fashion_mnist", "coloured_fashion_mnist")  # whose garments photos rarely are like
LIGHT = "is dark on light, but this run knows only pictures on black: invert it first"


@dataclass(frozen=True)
class InputPictures:
    """Pictures, what is said of them, and what of them is missing."""

    images: np.ndarray  # uint8 [N, height, width, channels], in the run's shape
    labels: np.ndarray  # int64 [N, attributes] in the order of the run's, -1 where not given
    masks: np.ndarray | None  # uint8 [N, height, width, 1], 1 where missing; None: not said
    names: tuple[str, ...]  # of each, no two alike


def read(path: Path, spec: DatasetSpec, flag: str = "input") -> InputPictures:
    """The pictures of a file, of a folder and those below it (sorted), or of an .npz.

    Picture files are fitted as the run's data are; arrays must have the run's shape.

    Args:
      path: what the user names.
      spec: of the run's data.
      flag: by which it is named, for messages.

    Raises:
      RefusedError: there is nothing of the kind, it cannot be read, has another shape, or does not
        fit into the memory.
    """
    if array_files.is_named_so(path) and not path.is_dir():
        return _of_arrays(path, spec, flag)
    paths = _files(path, flag)
    names = picture_files.names(paths, path) if path.is_dir() else [path.stem]
    size = len(paths) * math.prod(spec.image_shape)
    memory.check_room(_COPIES * size, "give fewer pictures at once")
    images = np.empty((len(paths), *spec.image_shape), np.uint8)
    broken = []
    for row, each in enumerate(paths):
        try:
            images[row] = _fitted(each, spec)
        except RefusedError as error:
            broken.append(str(error))
    if broken:
        raise RefusedError("; ".join(broken))
    if animated := [each.name for each in paths if _has_several_frames(each)]:
        log.warning("--%s: %s", flag, pictures.first_frames(animated))
    labels = np.full((len(images), len(spec.attributes)), NOT_GIVEN, np.int64)
    return InputPictures(images, labels, None, tuple(names))


def warn_of_ground(pictures: InputPictures, spec: DatasetSpec, name: str) -> None:
    """Says which pictures a run can hardly know: see `of_other_ground`; `name` is the input's."""
    light = of_other_ground(pictures.images, spec, pictures.masks)
    for number in np.flatnonzero(light):
        log.warning("%s: %s %s", name, pictures.names[number], LIGHT)


def of_other_ground(
    images: np.ndarray, spec: DatasetSpec, masks: np.ndarray | None = None
) -> np.ndarray:
    """Which pictures have a light background where all that a run was trained on are on black.

    Args:
      images: uint8 `[N, height, width, channels]`.
      spec: of the run's data.
      masks: `[N, height, width, 1]`, 1 where a pixel is missing and not looked at.

    Returns:
      bool `[N]`: whether more than half of what is known of the border is light.
    """
    if spec.dataset not in _ON_BLACK:
        return np.zeros(len(images), bool)
    known = np.ones_like(images[..., :1]) if masks is None else masks == 0
    light = _border((images > 127) & (known > 0)).mean(axis=(1, 2))
    return light > _border(known > 0).mean(axis=(1, 2)) / 2


def _border(images: np.ndarray) -> np.ndarray:
    """`[N, pixels, channels]`."""
    edges = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    return np.concatenate(edges, axis=1)


def fitted(path: Path, image_shape: tuple[int, int, int], reading: FolderReading | None):
    """A picture file as pixels.

    Args:
      path: of the file.
      image_shape: of the result.
      reading: how pictures become those of the run's data; None: their central square.

    Returns:
      uint8 `[height, width, channels]`.

    Raises:
      RefusedError: it cannot be read.
    """
    try:
        with pictures.opened(path) as picture:
            return pictures.pixels(picture, image_folder.form_of(image_shape, reading))
    except Exception as error:  # Pillow's plug-ins raise whatever damage leads to
        raise RefusedError(pictures.unreadable(path, error)) from error


def _has_several_frames(path: Path) -> bool:
    with pictures.opened(path) as picture:
        return pictures.has_several_frames(picture)


def _fitted(path: Path, spec: DatasetSpec) -> np.ndarray:
    return fitted(path, spec.image_shape, spec.folder)


def _files(path: Path, flag: str) -> list[Path]:
    if path.is_dir():
        found = picture_files.find(path, picture_files.CURRENT, flag)
        for line in folder_notes.unused(found, path):
            log.warning("--%s: %s", flag, line)
        return found.pictures
    if not path.exists():
        raise RefusedError(f"--{flag}={path} does not exist: name a picture, a folder or an .npz")
    if not path.is_file():  # a pipe, say, for which this would wait
        raise RefusedError(f"--{flag}={path} is not a regular file: name a picture or an .npz")
    if path.suffix.lower() == ".npy":
        raise RefusedError(
            f"--{flag}={path} is one array alone: save it as an .npz, by "
            "numpy.savez_compressed(path, images=...)"
        )
    return [path]


def _of_arrays(path: Path, spec: DatasetSpec, flag: str) -> InputPictures:
    arrays = array_files.read(path, flag)
    images = arrays.pictures("images", spec.image_shape)
    masks = None
    if "masks" in arrays:
        masks = arrays.masks(spec.image_shape[:2], len(images))
        if (gone := masks.all(axis=(1, 2, 3))).any():
            row = int(gone.argmax())
            raise RefusedError(
                f"--{flag}={path}: all of picture {row} is missing, so nothing is known"
            )
    labels = arrays.labels(spec.attributes, len(images))
    return InputPictures(images, labels, masks, tuple(map(str, range(len(images)))))
