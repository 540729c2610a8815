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


def trim(folder: Path, step: int, names: str = "*") -> None:
    """Drops all events after `step`, and incomplete ones, from a folder's event files.

    `names` is a pattern for the end of the files' names. Each file is replaced atomically, so if
    the process is killed in between, the next start trims the other files.
    """
    for path in sorted(folder.glob(f"events.out.tfevents.{names}")):
        kept = [raw for raw in _events(path) if _step_of(raw, path) <= step]
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
