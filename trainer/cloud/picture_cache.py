"""What is made of pictures, kept in a bucket for processes that begin without files of their own.

`arrays/KEY/FIRST-LAST.npy` are rows of an array, and `folders/KEY.npz` says what a folder in a
bucket was found to be. What is missing or damaged there is made anew.
"""

from __future__ import annotations

import dataclasses
import io
import json
import logging
from typing import Any

import numpy as np

from trainer.cloud import local_copies
from trainer.cloud.bucket import Bucket
from trainer.cloud.data_places import CACHE_DIR
from trainer.cloud.failures import Conflict, Vanished
from trainer.cloud.url import GsUrl
from trainer.data import array_files
from trainer.data.array_cache import Make
from trainer.data.datasets import DatasetSpec
from trainer.data.image_folder import Found, Part
from trainer.system import typed_json
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

_UNREADABLE = (*array_files.DAMAGED, TypeError, OSError)
_ABSENT = 0  # the generation of an object that is not there


class PictureCache:
    """The objects under the URL of a `--cache_dir`.

    Methods raise `InterruptedRun` where the storage cannot be reached, and `RefusedError` where it
    may not be read. Where it may not be written to, nothing is kept, and this is said.
    """

    def __init__(self, url: GsUrl) -> None:
        self._bucket = Bucket(url, CACHE_DIR)
        self.keeps = True  # until the bucket refuses

    def through(self, key: str, shape: tuple[int, ...], make: Make) -> Make:
        """Rows of the array `key`: those kept, or else made and kept.

        Args:
          key: says all that the array depends on.
          shape: of a row.
          make: gives rows.
        """

        def rows(first: int, last: int) -> np.ndarray:
            name = f"arrays/{key}/{first}-{last}.npy"
            content, generation = self._read(name)
            found = _array(content, (last - first, *shape))
            if found is None:
                found = make(first, last)
                self._keep(name, _bytes(np.save, found), generation)
            return found

        return rows

    def folder(self, key: str) -> Found | None:
        """What a folder was found to be, or None."""
        content, _ = self._read(_folder(key))
        return None if content is None else _found(content)

    def keep_folder(self, key: str, found: Found) -> None:
        """Keeps what a folder was found to be."""
        version = self._bucket.find(_folder(key))
        generation = version.generation if version else _ABSENT
        about = {
            "spec": dataclasses.asdict(found.spec),
            "left_out": [local_copies.shown(note) for note in found.left_out],
            "notes": [local_copies.shown(note) for note in found.notes],
            "keys": {split: part.key for split, part in found.parts.items()},
        }
        labels = {split: part.labels for split, part in found.parts.items()}
        content = _bytes(np.savez_compressed, about=json.dumps(about), **labels)
        self._keep(_folder(key), content, generation)

    def _read(self, name: str) -> tuple[bytes | None, int]:
        """The object's content, if it is there, and its generation."""
        version = self._bucket.find(name)
        if version is None:
            return None, _ABSENT
        try:
            return b"".join(self._bucket.read(name, version)), version.generation
        except Vanished:  # meanwhile
            return None, _ABSENT

    def _keep(self, name: str, content: bytes, replaced: int) -> None:
        if not self.keeps:
            return
        try:
            self._bucket.write(name, content, replaced)
        except Conflict:  # another process has made the same
            return
        except RefusedError as error:
            log.warning("data: what is prepared is not kept for others: %s", error)
            self.keeps = False


def _folder(key: str) -> str:
    return f"folders/{key}.npz"


def _bytes(save: Any, *values: Any, **fields: Any) -> bytes:
    file = io.BytesIO()
    save(file, *values, **fields)
    return file.getvalue()


def _array(content: bytes | None, shape: tuple[int, ...]) -> np.ndarray | None:
    if content is None:
        return None
    try:
        found = np.load(io.BytesIO(content), allow_pickle=False)
    except _UNREADABLE:
        return None
    is_whole = isinstance(found, np.ndarray) and found.dtype == np.uint8 and found.shape == shape
    return found if is_whole else None


def _found(content: bytes) -> Found | None:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as fields:
            about = json.loads(str(fields["about"]))
            parts = {split: Part(key, fields[split], None) for split, key in about["keys"].items()}
        spec = typed_json.build(DatasetSpec, about["spec"])
        return Found(spec, tuple(about["left_out"]), tuple(about["notes"]), parts)
    except _UNREADABLE:
        return None
