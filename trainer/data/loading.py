"""Specifies, checks and loads any data set by its name."""

from __future__ import annotations

import dataclasses
import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from trainer.data import coloured, fashion_mnist, image_folder, prepared, synthetic
from trainer.data.datasets import (
    DATASETS,
    IMAGE_FOLDER,
    Attribute,
    DataChoice,
    DatasetSpec,
    LabelledImages,
)
from trainer.data.prepared import Arrays
from trainer.system import file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

DEFAULT_FOLDER_SIZE = 32
DRAWN = ("synthetic", "synthetic_garments")  # in code
PINNED = (*DRAWN, "coloured_fashion_mnist", "fashion_mnist")  # verified by digests, or drawn
RESIZED = ("celeb_a", IMAGE_FOLDER, "synthetic_garments")


def specify(choice: DataChoice, data_dir: Path) -> DatasetSpec:
    """The specification of a data set, without decoding its images.

    Args:
      choice: what is asked for.
      data_dir: the folder of prepared sets, or of the images.

    Raises:
      RefusedError: the set's images have a fixed size, it has no such attribute, or there are no
        images.
    """
    if choice.dataset == IMAGE_FOLDER:
        size = choice.image_size or DEFAULT_FOLDER_SIZE
        return image_folder.specify(data_dir, size, choice.folder, choice.attributes)
    spec = published(choice)
    return spec if choice.dataset in PINNED else prepared.specify(spec, data_dir)


def published(choice: DataChoice) -> DatasetSpec:
    """The published specification, without access to the data; of a folder, the size only.

    Raises:
      RefusedError: the set's images have a fixed size, or it has no such attribute.
    """
    dataset, image_size = choice.dataset, choice.image_size
    if dataset == IMAGE_FOLDER:
        # Unknown properties are set so that they cannot be the reason for refusing a run.
        size = image_size or DEFAULT_FOLDER_SIZE
        unknown = tuple(
            Attribute(name, ("one", "another")) for name in choice.attributes or ("class",)
        )
        image_folder.colour(choice.folder.background)
        return DatasetSpec(
            IMAGE_FOLDER, (size, size, 3), sys.maxsize, 0, unknown, folder=choice.folder
        )
    spec = DATASETS[dataset]
    spec = replace(spec, attributes=_chosen(spec, choice.attributes))
    if image_size is None:
        return spec
    if dataset not in RESIZED:
        raise RefusedError(
            f"--image_size={image_size} makes no sense with --dataset={dataset}, whose images are "
            f"{spec.image_shape[0]} pixels wide: leave it out"
        )
    return replace(spec, image_shape=(image_size, image_size, spec.image_shape[2]))


def _chosen(spec: DatasetSpec, names: tuple[str, ...]) -> tuple[Attribute, ...]:
    known = {attribute.name: attribute for attribute in spec.attributes}
    for name in names:
        if name not in known:
            raise RefusedError(
                f"--attributes names {name!r}: --dataset={spec.dataset} has "
                f"{', '.join(known) or 'none'}"
            )
    return tuple(known[name] for name in names) or spec.attributes


def choice_of(spec: DatasetSpec, otherwise: DataChoice) -> DataChoice:
    """What was asked for to get a specification; of a folder, how it was read."""
    return dataclasses.replace(
        otherwise,
        dataset=spec.dataset,
        image_size=spec.image_shape[0] if spec.dataset in RESIZED else None,
        attributes=tuple(attribute.name for attribute in spec.attributes),
        folder=spec.folder or otherwise.folder,
    )


def load(spec: DatasetSpec, split: str, data_dir: Path, cache_dir: Path) -> LabelledImages:
    """Images and labels of `train` or `test`; prepares the set first if necessary.

    Args:
      spec: of the set.
      split: `train` or `test`.
      data_dir: the folder of prepared sets, or of the images.
      cache_dir: the folder of arrays made of them.

    Returns:
      uint8 `[N, height, width, channels]` and int64 `[N, attributes]`, -1 where not given.

    Raises:
      RefusedError: no source can be reached, or the data are damaged.
    """
    if spec.dataset == IMAGE_FOLDER:
        return image_folder.load(spec, split, data_dir, cache_dir)
    images, labels = _published_arrays(spec, split, data_dir, cache_dir)
    names = [attribute.name for attribute in DATASETS[spec.dataset].attributes]
    columns = [names.index(attribute.name) for attribute in spec.attributes]
    return images, labels.reshape(len(labels), -1)[:, columns]


def _published_arrays(spec: DatasetSpec, split: str, data_dir: Path, cache_dir: Path) -> Arrays:
    """The same with all of the set's attributes; int64 `[N]` where there is one at most."""
    if spec.dataset == "fashion_mnist":
        return fashion_mnist.load(split, data_dir)
    if spec.dataset == "coloured_fashion_mnist":
        return coloured.load(*fashion_mnist.load(split, data_dir))
    if spec.dataset in DRAWN:
        log.info("data: %s, drawn in code", spec.dataset)
        return synthetic.load(spec, split, cache_dir)
    images, labels = prepared.load(spec, split, data_dir)
    return images, np.asarray(labels)


def stored_as(dataset: str) -> str:
    """The set whose files in the data folder a set is made of; empty: of none."""
    if dataset in DRAWN:
        return ""
    return fashion_mnist.NAME if dataset == "coloured_fashion_mnist" else dataset


def is_prepared(spec: DatasetSpec, data_dir: Path) -> bool:
    """Whether `load` needs no download."""
    stored = stored_as(spec.dataset)
    if stored == fashion_mnist.NAME:
        there = fashion_mnist.folder_of_files(data_dir, None) is not None
        return there or fashion_mnist.is_prepared(data_dir)
    return stored in ("", IMAGE_FOLDER) or prepared.is_prepared(stored, data_dir)


def check(spec: DatasetSpec, data_dir: Path) -> None:
    """Checks that the data set is prepared in the folder or can be; reads no data.

    Raises:
      RefusedError: it neither is nor can be.
    """
    if stored_as(spec.dataset) == fashion_mnist.NAME and not fashion_mnist.is_prepared(data_dir):
        file_system.check_folder(data_dir, "data_dir")
    elif spec.dataset not in (*PINNED, IMAGE_FOLDER):
        prepared.check(spec, data_dir)
