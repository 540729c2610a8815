"""A local folder and the objects that it is a copy of: what differs is fetched or sent.

What is sent names the version that it replaces, so that another's writing is noticed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trainer.cloud import lease
from trainer.cloud.bucket import Bucket, Stored, md5_of
from trainer.cloud.failures import Vanished
from trainer.system import file_system
from trainer.system.exits import InterruptedRun, RefusedError

FETCHED_AT_ONCE = 8
LISTINGS = 5  # of a folder in which objects are replaced while they are fetched

Join = Callable[[list[bytes], list[bytes]], Iterable[bytes]]  # lines of an object, of its file


class Mirror:
    """The local copy of a bucket's folder. Names are paths within both."""

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._bucket = bucket
        self._stored: dict[str, Stored] = {}
        self._stamps: dict[str, tuple[int, int]] = {}  # of files that are equal to their objects

    def fetch(self, choose: Callable[[Collection[str]], Iterable[str]]) -> None:
        """Makes local files of the objects that `choose` takes out of all names.

        Raises:
          InterruptedRun: the storage does not answer, or changes all the time.
        """
        for _ in range(LISTINGS):
            self._stored = {
                name: stored for name, stored in self._bucket.list().items() if _is_ours(name)
            }
            for name in self._stamps.keys() - self._stored.keys():  # removed since the last list
                (self.folder / name).unlink()
                del self._stamps[name]
            try:
                with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
                    list(pool.map(self._fetch, choose(self._stored.keys())))
                return
            except Vanished:
                continue
        raise InterruptedRun(f"{self._bucket.name} changes while it is read: run again")

    def changed(self) -> list[str]:
        """Files that are not as they were last fetched or sent."""
        return [
            name for name, path in self._files().items() if self._stamps.get(name) != _stamp(path)
        ]

    def gone(self) -> list[str]:
        """Objects whose files are not there."""
        return sorted(self._stored.keys() - self._files().keys())

    def send(self, name: str) -> None:
        """Makes the object equal to its file.

        Raises:
          Conflict: another process has written it since it was last seen.
        """
        path, stored = self.folder / name, self._stored.get(name)
        stamp = _stamp(path)  # before it is read: what changes after that is sent the next time
        if stored is None or stored.md5 != md5_of(path):
            generation = stored.generation if stored else 0
            self._stored[name] = self._bucket.write(name, path.read_bytes(), generation)
        self._stamps[name] = stamp

    def remove(self, name: str) -> None:
        """Removes the object.

        Raises:
          Conflict: as for `send`.
        """
        if stored := self._stored.pop(name, None):
            self._bucket.delete(name, stored.generation)

    def look_again(self, name: str) -> None:
        """Takes note of the version that is there, which the next change replaces."""
        there = self._bucket.find(name)
        if there is None:
            self._stored.pop(name, None)
        else:
            self._stored[name] = there

    def unite(self, name: str, join: Join) -> None:
        """Makes the file's lines what `join` makes of the object's, as last seen, and the file's.

        Raises:
          Vanished: another process has written the object since.
        """
        if stored := self._stored.get(name):
            theirs = b"".join(self._bucket.read(name, stored)).splitlines()
            ours = (self.folder / name).read_bytes().splitlines()
            lines = dict.fromkeys(join(theirs, ours))  # each once
            content = b"".join(line + b"\n" for line in lines)
            file_system.write_atomically(
                self.folder / name, lambda temporary: temporary.write_bytes(content)
            )

    def _fetch(self, name: str) -> None:
        path, stored = self.folder / name, self._stored[name]
        if not (path.is_file() and stored.md5 and md5_of(path) == stored.md5):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with open(path, "wb") as file:
                    file.writelines(self._bucket.read(name, stored))
            except BaseException as error:
                path.unlink(missing_ok=True)  # half of it is no file of the run
                if isinstance(error, OSError):
                    raise RefusedError(
                        f"{self._bucket.name} cannot be copied to {self.folder.parent} "
                        f"({error.strerror}): let TMPDIR name a folder with room"
                    ) from error
                raise
            os.utime(path, ns=(stored.updated_ns, stored.updated_ns))
        self._stamps[name] = _stamp(path)

    def _files(self) -> dict[str, Path]:
        files = (path for path in self.folder.rglob("*") if path.is_file())
        named = {path.relative_to(self.folder).as_posix(): path for path in files}
        return {name: named[name] for name in sorted(named) if _is_ours(name)}


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _is_ours(name: str) -> bool:
    """Whether the name is that of a whole file, not of a lock, a folder or a work in progress."""
    parts = name.split("/")
    return (
        lease.NAME not in parts
        and not {"", ".", ".."} & set(parts)
        and not any(
            part.startswith(file_system.PARTIAL) or part.endswith("_temp") for part in parts
        )
    )
