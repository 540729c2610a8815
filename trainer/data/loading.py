"""The one door to every data set."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path

from trainer.data import (
    DATASETS,
    IMAGE_FOLDER,
    DatasetSpec,
    fashion_mnist,
    image_folder,
    prepared,
    synthetic,
)
from trainer.data.prepared import Arrays
from trainer.system import file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

DEFAULT_FOLDER_SIZE = 32
PINNED = ("fashion_mnist", "synthetic")  # by their published digests, and by code
RESIZED = ("celeb_a", IMAGE_FOLDER)


def specify(dataset: str, data_dir: Path, image_size: int | None) -> DatasetSpec:
    """What is known of a data set before its images are read.

    Args:
      dataset: one of `DATASETS`, or `image_folder`.
      data_dir: where prepared sets are, or the pictures.
      image_size: the side to which pictures are resized; None: the set's own.

    Raises:
      RefusedError: the set's pictures have one size, or there are none.
    """
    if dataset == IMAGE_FOLDER:
        return image_folder.specify(data_dir, image_size or DEFAULT_FOLDER_SIZE)
    spec = published(dataset, image_size)
    return spec if dataset in PINNED else prepared.specify(spec, data_dir)


def published(dataset: str, image_size: int | None) -> DatasetSpec:
    """What is known of a data set that nobody has looked at: of a folder, the size alone.

    Raises:
      RefusedError: the set's pictures have one size.
    """
    if dataset == IMAGE_FOLDER:
        # What its pictures decide must not be what a run is refused for.
        side = image_size or DEFAULT_FOLDER_SIZE
        return DatasetSpec(IMAGE_FOLDER, (side, side, 3), sys.maxsize, 0, ("one", "another"))
    spec = DATASETS[dataset]
    if image_size is None:
        return spec
    if dataset not in RESIZED:
        raise RefusedError(
            f"--image_size={image_size} makes no sense with --dataset={dataset}, whose images are "
            f"{spec.image_shape[0]} pixels wide: leave it out"
        )
    return replace(spec, image_shape=(image_size, image_size, spec.image_shape[2]))


def load(spec: DatasetSpec, split: str, data_dir: Path) -> Arrays:
    """Images and labels of `train` or `test`, prepared first if need be.

    Raises:
      RefusedError: no source can be reached, or the data are not what they should be.
    """
    if spec.dataset == IMAGE_FOLDER:
        return image_folder.load(spec, split, data_dir)
    if spec.dataset == "fashion_mnist":
        return fashion_mnist.load(split, data_dir)
    if spec.dataset == "synthetic":
        log.info("data: synthetic, drawn in code")
        return synthetic.load(split)
    return prepared.load(spec, split, data_dir)


def check(spec: DatasetSpec, data_dir: Path) -> None:
    """Refuses a folder in which the data set neither stands nor can be prepared; reads no data.

    Raises:
      RefusedError: as the name says.
    """
    if spec.dataset == "fashion_mnist" and not fashion_mnist.is_prepared(data_dir):
        file_system.check_folder(data_dir, "data_dir")
    elif spec.dataset not in (*PINNED, IMAGE_FOLDER):
        prepared.check(spec, data_dir)
