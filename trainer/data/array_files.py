"""The fields of an .npz that commands write and read, checked against what a run can take."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from trainer.data.datasets import Attribute
from trainer.data.labels import NOT_GIVEN
from trainer.system import file_system, memory
from trainer.system.exits import RefusedError

# What NumPy and zipfile raise for an .npz of which any bytes are others.
DAMAGED = (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError)


def write(path: Path, fields: Mapping[str, np.ndarray]) -> None:
    """Writes an .npz that other commands read, whole or not at all."""
    file_system.write_atomically(
        path,
        lambda temporary: np.savez_compressed(temporary, **fields),  # type: ignore[arg-type]
    )


def label_fields(labels: np.ndarray, attributes: Sequence[Attribute]) -> dict[str, np.ndarray]:
    """What an .npz says of images.

    Args:
      labels: `[N, attributes]`.
      attributes: of the data.

    Returns:
      `labels`, int64 `[N]` of one attribute, else `[N, attributes]`; what they mean, for another
      run may count otherwise: `attribute_names` and, filled up by empty ones, `attribute_values`,
      text `[attributes, values]`.
    """
    numbers = labels.astype(np.int64)
    most = max(len(attribute.values) for attribute in attributes)
    values = [[*each.values, *[""] * (most - len(each.values))] for each in attributes]
    return {
        "labels": numbers[:, 0] if len(attributes) == 1 else numbers,
        "attribute_names": np.array([attribute.name for attribute in attributes]),
        "attribute_values": np.array(values),
    }


@dataclass(frozen=True)
class ArrayFile:
    """What is in an .npz; a field is read when it is asked for, as others may be large."""

    path: Path
    name: str  # as the user gave it, for messages: --input=x.npz
    fields: tuple[str, ...]

    def __contains__(self, field: str) -> bool:
        """Whether it has such a field."""
        return field in self.fields

    def pictures(self, field: str, shape: tuple[int, int, int]) -> np.ndarray:
        """uint8 `[N, *shape]`.

        Args:
          field: its name.
          shape: height, width, channels.

        Raises:
          RefusedError: there is no such field, or it is of another kind or size.
        """
        return self._images(field, (np.uint8,), shape, None)

    def masks(self, sides: tuple[int, int], count: int) -> np.ndarray:
        """uint8 `[count, *sides, 1]`, 1 where a pixel is missing; 255 and True are that, too.

        Raises:
          RefusedError: there is no field `masks`, or it is of another kind or size.
        """
        values = self._images("masks", (np.uint8, np.bool_), (*sides, 1), count)
        highest = values.max(initial=0)
        if highest not in (0, 1, 255) or ((values != 0) & (values != highest)).any():
            raise RefusedError(f"{self.name}: masks must be 1 where pixels are missing, else 0")
        return (values != 0).astype(np.uint8)

    def _images(
        self, field: str, kinds: Sequence[type], shape: tuple[int, int, int], count: int | None
    ) -> np.ndarray:
        values = self._field(field)
        wanted = f"uint8 [{count or 'N'}, {', '.join(map(str, shape))}]"
        if values.dtype not in kinds or values.shape[1:] != shape:
            raise self._other(field, values, wanted)
        if not len(values) or len(values) != (count or len(values)):
            raise self._other(field, values, wanted)
        return values

    def floats(
        self, field: str, sizes: Sequence[int | None], count: int | None = None
    ) -> np.ndarray:
        """float32 `[N, *sizes]`, all finite; a size of None is any.

        Raises:
          RefusedError: there is no such field, or it is of another kind or size.
        """
        values = self._field(field)
        sizes_of_all = (count, *sizes)
        known = ", ".join("N" if size is None else str(size) for size in sizes_of_all)
        fits = len(values.shape) == len(sizes_of_all) and all(
            size == (wanted or size)
            for size, wanted in zip(values.shape, sizes_of_all, strict=True)
        )
        if not (fits and len(values) and np.issubdtype(values.dtype, np.floating)):
            raise self._other(field, values, f"float32 [{known}]")
        if not np.isfinite(values.astype(np.float32)).all():
            raise RefusedError(f"{self.name}: {field} must be finite in float32")
        return values.astype(np.float32)

    def text(self, field: str) -> str:
        """What is written there, whatever it is."""
        return str(self._field(field))

    def counts(self, field: str, count: int) -> np.ndarray:
        """int64 `[count]`, from 0.

        Raises:
          RefusedError: they are of another kind or size, or below 0.
        """
        values = self._field(field)
        if values.shape != (count,) or not np.issubdtype(values.dtype, np.integer):
            raise self._other(field, values, f"int64 [{count}]")
        if values.min(initial=0) < 0:
            raise RefusedError(f"{self.name}: {field} must be 0 or more")
        return values.astype(np.int64)

    def labels(self, attributes: Sequence[Attribute], count: int) -> np.ndarray:
        """Labels in the order of these attributes: int64 `[count, attributes]`; -1: not given.

        Where the file names the values that its numbers mean, they are counted as here.

        Raises:
          RefusedError: they are of another kind or size, of no such attribute or value, or out of
            bounds.
        """
        found = np.full((count, len(attributes)), NOT_GIVEN, np.int64)
        if "labels" not in self.fields or not attributes:
            return found
        values = self._field("labels")
        columns = values[:, np.newaxis] if values.ndim == 1 else values
        names = self._names(attributes)
        if columns.shape != (count, len(names)) or not np.issubdtype(values.dtype, np.integer):
            raise self._other("labels", values, f"int64 [{count}, {len(names)}]")
        for place, attribute in enumerate(attributes):
            if attribute.name in names:
                column = names.index(attribute.name)
                counted = self._values(column, len(names)) or attribute.values
                found[:, place] = self._recounted(columns[:, column], counted, attribute)
        return found

    def _recounted(
        self, column: np.ndarray, counted: Sequence[str], attribute: Attribute
    ) -> np.ndarray:
        """Numbers of values as they are counted in the file, as an attribute counts them."""
        if column.min(initial=0) < NOT_GIVEN or column.max(initial=0) >= len(counted):
            raise RefusedError(
                f"{self.name}: labels of {attribute.name} must be {NOT_GIVEN} (not given) to "
                f"{len(counted) - 1}"
            )
        numbers = {value: number for number, value in enumerate(attribute.values)}
        for number in np.unique(column[column != NOT_GIVEN]):
            if counted[number] not in numbers:
                raise RefusedError(
                    f"{self.name}: {counted[number]} is no {attribute.name} of the run, which has "
                    f"{', '.join(attribute.values)}: leave labels out, or use the run they are of"
                )
        here = np.array([*(numbers.get(value, NOT_GIVEN) for value in counted), NOT_GIVEN])
        return here[column]  # -1 is the last

    def _values(self, place: int, count: int) -> list[str]:
        """What the numbers of an attribute mean; empty where the file does not say."""
        if "attribute_values" not in self.fields:
            return []
        values = self._field("attribute_values")
        if values.ndim != 2 or len(values) != count or not np.issubdtype(values.dtype, np.str_):
            raise self._other("attribute_values", values, f"text [{count}, values]")
        return [value for value in values[place].tolist() if value]

    def _names(self, attributes: Sequence[Attribute]) -> list[str]:
        """Of the columns of its labels."""
        known = [attribute.name for attribute in attributes]
        if "attribute_names" not in self.fields:
            return known
        names = [str(name) for name in self._field("attribute_names").ravel()]
        if not set(names) & set(known):
            raise RefusedError(
                f"{self.name}: its labels are of {', '.join(names)}, the run's of "
                f"{', '.join(known)}: leave labels out, or name the run's attributes"
            )
        return names

    def _field(self, field: str) -> np.ndarray:
        """Reads an array, whose header says before whether it is one, and fits into the memory."""
        if field not in self.fields:
            there = ", ".join(self.fields) or "nothing"
            raise RefusedError(f"{self.name} has no {field}; it holds {there}")
        try:
            with np.load(self.path, allow_pickle=False) as file:
                with file.zip.open(f"{field}.npy") as member:
                    shape, dtype = _header(member)
                if dtype.hasobject:
                    raise RefusedError(
                        f"{self.name}: {field} holds Python objects: save it as numbers or text"
                    )
                memory.check_room(math.prod(shape) * dtype.itemsize, f"give fewer {field} at once")
                return file[field]
        except DAMAGED as error:
            raise RefusedError(f"{self.name}: {field} is no readable array ({error})") from error

    def _other(self, field: str, values: np.ndarray, wanted: str) -> RefusedError:
        shape = ", ".join(map(str, values.shape))
        return RefusedError(
            f"{self.name}: {field} is {values.dtype} [{shape}], but must be {wanted} for this run"
        )


def read(path: Path, flag: str) -> ArrayFile:
    """An .npz, of which the fields are known by name.

    Args:
      path: of the file.
      flag: by which the user names it.

    Raises:
      RefusedError: there is no such file, or it cannot be read.
    """
    name = f"--{flag}={path}"
    if not path.exists():
        raise RefusedError(f"{name} does not exist")
    if not path.is_file():  # a pipe, say, for which this would wait
        raise RefusedError(f"{name} is not a regular file: name an .npz")
    try:
        with np.load(path, allow_pickle=False) as file:
            fields = tuple(file.files)
    except DAMAGED as error:
        raise RefusedError(f"{name} is not a readable .npz ({error})") from error
    except (AttributeError, TypeError) as error:  # one array alone
        raise RefusedError(f"{name} is not an .npz: save it with numpy.savez_compressed") from error
    return ArrayFile(path, name, fields)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and kind of the array in an open .npy."""
    version = np.lib.format.read_magic(file)
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read_header(file)
    return shape, dtype


def is_named_so(path: Path) -> bool:
    """Whether a path is that of an .npz, by its suffix."""
    return path.suffix.lower() == ".npz"
