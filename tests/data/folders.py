"""Folders of pictures, as tests read them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from trainer.cloud.data_places import DataPlaces
from trainer.cloud.picture_folder import PictureFolder
from trainer.data import folder_contents, picture_files
from trainer.data.datasets import DataChoice, DatasetSpec, FolderReading

READING = FolderReading(
    rules=picture_files.CURRENT,
    metadata="",
    metadata_file_name="",
    attribute_minimum=1,
    test_share=0.0,
    fit="crop",
    background="black",
)


def specify(
    folder: Path, side: int = 16, attributes: tuple[str, ...] = (), **reading: object
) -> DatasetSpec:
    """The specification of a folder of which all pictures are trained on."""
    by = dataclasses.replace(READING, **reading)  # type: ignore[arg-type]
    return at(folder).specify(DataChoice("image_folder", side, attributes, by))


def load(
    folder: Path, side: int = 16, split: str = "train", **asked_for: object
) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels; prepared beside the folder."""
    spec = specify(folder, side, **asked_for)  # type: ignore[arg-type]
    return at(folder).load(spec, split)


def at(folder: Path) -> PictureFolder:
    """The folder as a command sees it that has just started."""
    folder_contents.forget()
    return PictureFolder(DataPlaces(folder, cache_of(folder)))


def cache_of(folder: Path) -> Path:
    """Where is kept what is prepared."""
    return folder.with_name(f"{folder.name}-cache")
