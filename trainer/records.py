"""The records of a run: metrics.jsonl and TensorBoard's event files, read, and cut to a step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer import storage

METRICS_FILE = "metrics.jsonl"


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; a last line that a kill cut short is left out."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


def cut_metrics(path: Path, step: int) -> None:
    """Drops every line after `step`."""
    if path.exists():
        kept = [line for line in read_metrics(path) if line["step"] <= step]
        storage.write_text(path, "".join(json.dumps(line) + "\n" for line in kept))


def cut_events(folder: Path, step: int) -> None:
    """Drops every event after `step`, and what a kill cut short, from the folder's event files.

    Each file is replaced in one move, so a kill in between leaves only work for the next start.
    """
    for path in sorted(folder.glob("events.out.tfevents.*")):
        kept = [raw for raw in _events(path) if tf.compat.v1.Event.FromString(raw).step <= step]
        if kept:
            storage.write_atomically(path, partial(_write, kept))
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
