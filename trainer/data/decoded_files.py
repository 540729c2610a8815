"""Files of the decoded images and labels of a prepared set.

Decoding would delay every start, so it is done once. The files are memory-mapped, so that data sets
larger than the memory can be used.
"""

from __future__ import annotations

import errno
import itertools
import logging
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from trainer.data.datasets import Arrays
from trainer.system import disk, file_system, memory, unfinished
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)


def load_mapped(path_prefix: Path, count: int) -> Arrays | None:
    """The arrays of `count` examples that `write` has written, or None."""
    try:
        images, labels = (
            np.load(
                file_system.regular(path_prefix.with_name(f"{path_prefix.name}-{kind}.npy")),
                mmap_mode="r",
            )
            for kind in ("images", "labels")
        )
    except (OSError, ValueError, EOFError):  # missing or damaged
        return None
    return (images, labels) if len(images) == len(labels) == count else None


def write(
    path_prefix: Path,
    count: int,
    shape: tuple[int, int, int],
    examples: Callable[[], Iterator[tuple[np.ndarray, int]]],
) -> Arrays:
    """Decodes a set into files atomically and memory-maps them.

    Where the files cannot be written, the arrays are in memory only.

    Args:
      path_prefix: common prefix of the files' paths.
      count: number of examples.
      shape: of an image.
      examples: returns an iterator over uint8 images and their labels.

    Raises:
      RefusedError: raised by `examples`, or its number of examples is not `count`.
    """
    labels = np.zeros(count, np.int64)

    def write_images(path: Path) -> None:
        if disk.free(path.parent) < count * math.prod(shape):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # before minutes are spent
        found = _exactly(count, examples(), path_prefix.parent)
        _write_images(path, (count, *shape), found, labels)

    def write_labels(path: Path) -> None:
        with open(path, "wb") as file:
            np.save(file, labels)

    try:
        unfinished.remove_left_over(path_prefix.parent)
        file_system.write_atomically(
            path_prefix.with_name(f"{path_prefix.name}-images.npy"), write_images
        )
        file_system.write_atomically(
            path_prefix.with_name(f"{path_prefix.name}-labels.npy"), write_labels
        )
        written = load_mapped(path_prefix, count)
        assert written is not None
        return written
    except OSError as error:  # a read-only folder, a full disk
        log.info("data: decoded arrays are not kept (%s)", error)
        memory.check_room(count * math.prod(shape), "make room in --data_dir, or choose another")
        images = np.zeros((count, *shape), np.uint8)
        for row, image, label in _exactly(count, examples(), path_prefix.parent):
            images[row], labels[row] = image, label
        return images, labels


def _write_images(
    path: Path,
    shape: tuple[int, ...],
    examples: Iterator[tuple[int, np.ndarray, int]],
    labels: np.ndarray,
) -> None:
    """Writes the images of examples to a NumPy file, and their labels into an array.

    The file is not mapped: on a disk that fills up, that would end the process by a signal.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for row, image, label in examples:
            file.write(np.ascontiguousarray(image, np.uint8).data)
            labels[row] = label


def _exactly(
    count: int, examples: Iterator[tuple[np.ndarray, int]], folder: Path
) -> Iterator[tuple[int, np.ndarray, int]]:
    """Row, image and label of each example.

    Raises:
      RefusedError: there are more or fewer than `count`.
    """
    rows = 0
    for image, label in itertools.islice(examples, count + 1):
        if rows < count:
            yield rows, image, label
        rows += 1
    if rows != count:
        raise RefusedError(f"{folder} does not hold {count} images: prepare it again")
