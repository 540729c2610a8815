"""TensorBoard's event files: a new one, and all of them trimmed to a step."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader

from trainer.system import file_system

log = logging.getLogger(__name__)

_NAMES = "events.out.tfevents."  # and what makes a name unique
_FRAME_BYTES = 16  # around an event: its length, and two checksums


def begun(folder: Path) -> tuple[tf.summary.SummaryWriter, Path]:
    """A new file: what writes to it, and where it is."""
    before = set(folder.glob(f"{_NAMES}*"))
    writer = tf.summary.create_file_writer(str(folder))
    writer.flush()
    (path,) = set(folder.glob(f"{_NAMES}*")) - before
    return writer, path


def trim(folder: Path, step: int, names: str = "*") -> None:
    """Drops all events after `step`, and incomplete ones, from a folder's event files.

    Steps do not fall, in a file and from one to the next; so only the last that begins before that
    can reach beyond it, and no other is read to its end. Files are replaced atomically; if the
    process is killed in between, the next start trims the rest.

    Args:
      folder: of the files.
      step: the last that stays.
      names: a pattern for the end of the files' names.
    """
    first_steps = {path: _first_step(path) for path in folder.glob(_NAMES + names)}
    kept = {path: first for path, first in first_steps.items() if first is not None}
    kept = {path: first for path, first in kept.items() if first <= step}
    for path in first_steps.keys() - kept.keys():
        path.unlink()
    last = max(kept.values(), default=step)
    for path, first in kept.items():
        if first == last:
            _trim(path, step)


def of_steps(folder: Path) -> Path | None:
    """A file with an event after step 0, if there is any."""
    for path in sorted(folder.glob(f"{_NAMES}*")):
        parsed = filter(None, map(_parsed, _events(path)))
        if any(event.step > 0 for event in parsed):
            return path
    return None


def _first_step(path: Path) -> int | None:
    """Of the first event; None: there is none but what each file begins with."""
    for raw in _events(path):
        event = _parsed(raw)
        if event is not None and not event.file_version:
            return int(event.step)
    return None


def _trim(path: Path, step: int) -> None:
    kept = []
    for raw in _events(path):
        event = _parsed(raw)
        if event is None:
            log.warning("%s: a damaged event is left out", path)
        elif event.step <= step:
            kept.append(raw)
    if sum(len(raw) + _FRAME_BYTES for raw in kept) != path.stat().st_size:
        file_system.write_atomically(path, partial(_write, kept))


def _parsed(raw: bytes) -> tf.compat.v1.Event | None:
    try:
        return tf.compat.v1.Event.FromString(raw)
    except DecodeError:
        return None


def _events(path: Path) -> Iterator[bytes]:
    """Up to the first that is incomplete.

    By TensorBoard's reader: a data set of `tf.data` takes 20 ms to make, for each of a thousand
    files.
    """
    yield from RawEventFileLoader(str(file_system.regular(path))).Load()


def _write(records: list[bytes], path: Path) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
