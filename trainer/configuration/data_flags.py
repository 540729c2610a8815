"""From flags to the choice of a data set."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

from absl import flags

from trainer.cloud.data_places import DataPlaces
from trainer.cloud.url import GsUrl
from trainer.configuration import checks, paths
from trainer.data import loading, picture_files
from trainer.data.datasets import DataChoice, FolderReading
from trainer.system.exits import RefusedError


def choice(values: flags.FlagValues, given: Collection[str]) -> DataChoice:
    """The data set that is asked for.

    Args:
      values: of the flags, the preset's among them.
      given: names of those that the user gave: a preset's size is for sets that can be resized.
    """
    sized = "image_size" in given or loading.SOURCES[values.dataset].is_resized
    return DataChoice(
        dataset=values.dataset,
        image_size=_image_size(values) if sized else None,
        attributes=tuple(dict.fromkeys(names(values, "attributes"))),
        folder=FolderReading(
            rules=picture_files.CURRENT,
            metadata=values.metadata,
            metadata_file_name=values.metadata_file_name,
            attribute_minimum=values.attribute_minimum,
            test_share=values.test_share,
            fit=values.fit,
            background=values.background,
        ),
    )


def places(values: flags.FlagValues) -> DataPlaces:
    """Where the data are to be, and what is made of them."""

    def of(name: str) -> tuple[Path, GsUrl | None]:
        return paths.with_default(name, values[name].value, values[name].present > 0)

    (data_dir, data_dir_url), (cache_dir, cache_dir_url) = of("data_dir"), of("cache_dir")
    return DataPlaces(data_dir, cache_dir, data_dir_url, cache_dir_url)


def names(values: flags.FlagValues, flag: str) -> tuple[str, ...]:
    """The parts between commas; none if the flag is not given, or empty.

    A part that contains a comma stands in double quotes, as in a table.

    Raises:
      RefusedError: there are only commas and spaces, as from empty variables.
    """
    text: str = values[flag].value
    line = " ".join(text.splitlines())
    try:
        parts = next(csv.reader([line], skipinitialspace=True), [])
    except csv.Error as error:
        raise RefusedError(f"--{flag}: {error}") from error
    found = tuple(name.strip() for name in parts if name.strip())
    if text and not found:
        raise RefusedError(f"--{flag}={text!r} names nothing: leave it out")
    return found


def _image_size(values: flags.FlagValues) -> int | None:
    checks.check_image_size(values.image_size)
    return values.image_size
