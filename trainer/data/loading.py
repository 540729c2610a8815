"""Specifies, checks and loads any data set by its name."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trainer.data import (
    coloured,
    fashion_mnist,
    image_folder,
    picture_files,
    prepared,
    synthetic,
)
from trainer.data.datasets import (
    DATASETS,
    IMAGE_FOLDER,
    Arrays,
    Attribute,
    DataChoice,
    DatasetSpec,
    LabelledImages,
)
from trainer.system import file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

DEFAULT_FOLDER_SIZE = 32


@dataclass(frozen=True)
class Source:
    """Where the pictures of a data set come from."""

    # spec, split, data_dir, cache_dir; None: pictures of users, which `picture_folder` reads.
    load: Callable[[DatasetSpec, str, Path, Path], Arrays] | None
    stored_as: str = ""  # the set of whose files in the data folder it is made; empty: of none
    check: Callable[[DatasetSpec, Path], None] | None = None  # refuses what cannot be had
    is_prepared: Callable[[str, Path], bool] | None = None  # None: it needs no download
    is_pinned: bool = False  # verified by digests, or drawn: files say nothing that is not known
    is_resized: bool = False


def _drawn(spec: DatasetSpec, split: str, data_dir: Path, cache_dir: Path) -> Arrays:
    del data_dir
    return synthetic.load(spec, split, cache_dir)


def _of_fashion_mnist(spec: DatasetSpec, split: str, data_dir: Path, cache_dir: Path) -> Arrays:
    del cache_dir
    found = fashion_mnist.load(split, data_dir)
    return found if spec.dataset == fashion_mnist.NAME else coloured.load(*found)


def _check_fashion_mnist(spec: DatasetSpec, data_dir: Path) -> None:
    del spec
    if not fashion_mnist.is_prepared(data_dir):
        file_system.check_folder(data_dir, "data_dir")


def _has_fashion_mnist(name: str, data_dir: Path) -> bool:
    del name
    there = fashion_mnist.folder_of_files(data_dir, None) is not None
    return there or fashion_mnist.is_prepared(data_dir)


def _prepared(spec: DatasetSpec, split: str, data_dir: Path, cache_dir: Path) -> Arrays:
    del cache_dir
    return prepared.load(spec, split, data_dir)


def _of_tfds(name: str, is_resized: bool = False) -> Source:
    parts = (_prepared, name, prepared.check, prepared.is_prepared)
    return Source(*parts, is_resized=is_resized)


_FASHION_MNIST = Source(
    *(_of_fashion_mnist, fashion_mnist.NAME, _check_fashion_mnist, _has_fashion_mnist),
    is_pinned=True,
)
SOURCES = {
    "celeb_a": _of_tfds("celeb_a", is_resized=True),
    "cifar10": _of_tfds("cifar10"),
    "coloured_fashion_mnist": _FASHION_MNIST,
    "fashion_mnist": _FASHION_MNIST,
    "kmnist": _of_tfds("kmnist"),
    "mnist": _of_tfds("mnist"),
    "synthetic": Source(_drawn, is_pinned=True),
    "synthetic_garments": Source(_drawn, is_pinned=True, is_resized=True),
    IMAGE_FOLDER: Source(None, IMAGE_FOLDER, is_resized=True),
}


def specify(choice: DataChoice, data_dir: Path) -> DatasetSpec:
    """The specification of a data set that is no folder of pictures.

    Args:
      choice: what is asked for.
      data_dir: the folder of prepared sets.

    Raises:
      RefusedError: the set's images have a fixed size, or it has no such attribute.
    """
    spec = published(choice)
    return spec if SOURCES[choice.dataset].is_pinned else prepared.specify(spec, data_dir)


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
    if not SOURCES[dataset].is_resized:
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
    return replace(
        otherwise,
        dataset=spec.dataset,
        image_size=spec.image_shape[0] if SOURCES[spec.dataset].is_resized else None,
        attributes=tuple(attribute.name for attribute in spec.attributes),
        folder=spec.folder or otherwise.folder,
    )


def load(spec: DatasetSpec, split: str, data_dir: Path, cache_dir: Path) -> LabelledImages:
    """Images and labels of `train` or `test`; prepares the set first if necessary.

    Args:
      spec: of a set that is no folder of pictures.
      split: `train` or `test`.
      data_dir: the folder of prepared sets.
      cache_dir: the folder of arrays made of them.

    Returns:
      uint8 `[N, height, width, channels]` and int64 `[N, attributes]`, -1 where not given.

    Raises:
      RefusedError: no source can be reached, or the data are damaged.
    """
    load_all = SOURCES[spec.dataset].load
    assert load_all is not None
    images, labels = load_all(spec, split, data_dir, cache_dir)
    if split == "train":  # once, where both are read
        is_drawn = not SOURCES[spec.dataset].stored_as
        where = "drawn in code" if is_drawn else f"prepared in {data_dir}"
        log.info("data: %s, %s", spec.dataset, where)
    names = [attribute.name for attribute in DATASETS[spec.dataset].attributes]
    columns = [names.index(attribute.name) for attribute in spec.attributes]
    return images, np.asarray(labels).reshape(len(labels), -1)[:, columns]


def is_prepared(spec: DatasetSpec, data_dir: Path) -> bool:
    """Whether `load` needs no download."""
    source = SOURCES[spec.dataset]
    return source.is_prepared is None or source.is_prepared(source.stored_as, data_dir)


def check(spec: DatasetSpec, data_dir: Path) -> None:
    """Checks that the data set is prepared in the folder or can be; reads no data.

    Raises:
      RefusedError: it neither is nor can be; or the folder is one of pictures, which are none of
        this set and among which nothing is put.
    """
    source = SOURCES[spec.dataset]
    if spec.dataset != IMAGE_FOLDER and source.stored_as:
        _check_is_no_set_of_pictures(data_dir, spec.dataset)
    if source.check is not None:
        source.check(spec, data_dir)


def _check_is_no_set_of_pictures(data_dir: Path, dataset: str) -> None:
    """Refuses to prepare a set among pictures, as they are most probably what was meant.

    Not where sets are already, or the files that one is made of.
    """
    known = {source.stored_as for source in SOURCES.values()} - {"", IMAGE_FOLDER}
    has_sets = any((data_dir / name).exists() for name in known)
    if has_sets or fashion_mnist.folder_of_files(data_dir, None) == data_dir:
        return
    if sign := picture_files.sign_of_a_set(data_dir):
        raise RefusedError(
            f"--data_dir={data_dir} holds pictures ({sign.relative_to(data_dir)}), "
            f"which --dataset={dataset} does not read: add --dataset={IMAGE_FOLDER}, or name "
            "another folder"
        )
