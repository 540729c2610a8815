"""TensorBoard's event files, cut to a step."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import tensorflow as tf

from trainer.system import file_system


def cut(folder: Path, step: int, names: str = "*") -> None:
    """Drops every event after `step`, and what a kill cut short, from a folder's event files.

    Only files whose names end like the pattern `names` are looked at. Each is replaced in one
    move, so a kill in between leaves only work for the next start.
    """
    for path in sorted(folder.glob(f"events.out.tfevents.{names}")):
        kept = [raw for raw in _events(path) if tf.compat.v1.Event.FromString(raw).step <= step]
        if kept:
            file_system.write_atomically(path, partial(_write, kept))
        else:
            path.unlink()


def _events(path: Path) -> Iterator[bytes]:
    try:
        yield from tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    except tf.errors.DataLossError:
        return


def _write(records: list[bytes], path: Path) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
