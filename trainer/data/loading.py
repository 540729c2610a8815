"""Specifies, checks and loads any data set by its name."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path

from trainer.data import fashion_mnist, image_folder, picture_files, prepared, synthetic
from trainer.data.datasets import DATASETS, IMAGE_FOLDER, Attribute, DatasetSpec
from trainer.data.prepared import Arrays
from trainer.system import file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

DEFAULT_FOLDER_SIZE = 32
PINNED = ("fashion_mnist", "synthetic")  # fixed content: verified by digests, or generated
RESIZED = ("celeb_a", IMAGE_FOLDER)


def specify(
    dataset: str,
    data_dir: Path,
    image_size: int | None,
    folder_rules: int = picture_files.CURRENT,
) -> DatasetSpec:
    """The specification of a data set, without decoding its images.

    Args:
      dataset: one of `DATASETS`, or `image_folder`.
      data_dir: the folder of prepared sets, or of the images.
      image_size: height and width to which images are resized; None: the set's default.
      folder_rules: by which a folder of images is read.

    Raises:
      RefusedError: the set's images have a fixed size, or there are none.
    """
    if dataset == IMAGE_FOLDER:
        return image_folder.specify(data_dir, image_size or DEFAULT_FOLDER_SIZE, folder_rules)
    spec = published(dataset, image_size)
    return spec if dataset in PINNED else prepared.specify(spec, data_dir)


def published(dataset: str, image_size: int | None) -> DatasetSpec:
    """The published specification, without access to the data; of a folder, the size only.

    Raises:
      RefusedError: the set's images have a fixed size.
    """
    if dataset == IMAGE_FOLDER:
        # Unknown properties are set so that they cannot be the reason for refusing a run.
        size = image_size or DEFAULT_FOLDER_SIZE
        return DatasetSpec(
            IMAGE_FOLDER, (size, size, 3), sys.maxsize, 0, (Attribute("class", ("one", "another")),)
        )
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
    """Images and labels of `train` or `test`; prepares the set first if necessary.

    Raises:
      RefusedError: no source can be reached, or the data are damaged.
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
    """Checks that the data set is prepared in the folder or can be; reads no data.

    Raises:
      RefusedError: it neither is nor can be.
    """
    if spec.dataset == "fashion_mnist" and not fashion_mnist.is_prepared(data_dir):
        file_system.check_folder(data_dir, "data_dir")
    elif spec.dataset not in (*PINNED, IMAGE_FOLDER):
        prepared.check(spec, data_dir)
