"""Trims TensorBoard's event files to a step."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError

from trainer.system import file_system

log = logging.getLogger(__name__)

_NAMES = "events.out.tfevents."  # then the time
_FRAME_BYTES = 16  # around an event: its length, and two checksums


def newest_bytes(folder: Path) -> int:
    """The length of the file that was begun last; 0 where there is none."""
    newest = max(folder.glob(f"{_NAMES}*"), default=None)
    return newest.stat().st_size if newest else 0


def trim(folder: Path, step: int, names: str = "*") -> None:
    """Drops all events after `step`, and incomplete ones, from a folder's event files.

    `names` is a pattern for the end of the files' names, which begin with the time: as TensorBoard
    does, this takes an earlier file for one of earlier steps, so the last that may stay as it is
    ends the search. The earliest is trimmed first, so if the process is killed in between, the
    next start trims the others.
    """
    trimmed: list[tuple[Path, list[bytes]]] = []
    for path in sorted(folder.glob(_NAMES + names), reverse=True):
        kept = [raw for raw in _events(path) if _step_of(raw, path) <= step]
        is_whole = sum(len(raw) + _FRAME_BYTES for raw in kept) == path.stat().st_size
        if is_whole and kept and _step_of(kept[-1], path):  # one that has just begun says nothing
            break
        trimmed.append((path, kept))
    for path, kept in reversed(trimmed):
        if kept:
            file_system.write_atomically(path, partial(_write, kept))
        else:
            path.unlink()


def _step_of(raw: bytes, path: Path) -> int:
    try:
        return int(tf.compat.v1.Event.FromString(raw).step)
    except DecodeError:
        log.warning("%s: a damaged event is left out", path)
        return sys.maxsize


def _events(path: Path) -> Iterator[bytes]:
    try:
        yield from tf.data.TFRecordDataset(str(file_system.regular(path))).as_numpy_iterator()
    except tf.errors.DataLossError:
        return


def _write(records: list[bytes], path: Path) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
