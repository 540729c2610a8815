"""A local copy of the objects in a bucket's folder: files that differ are fetched or sent.

Each upload names the version that it replaces, so that writes by other processes are detected.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from trainer.cloud import lease
from trainer.cloud.bucket import Bucket, Version, md5_of
from trainer.cloud.failures import Vanished
from trainer.plurals import counted, listed
from trainer.system import activity, disk, file_errors, file_system, threads, unfinished
from trainer.system.exits import InterruptedRun, RefusedError

log = logging.getLogger(__name__)

_SAVED = re.compile(r"ckpt-\d+_temp$")  # TensorFlow's, of a checkpoint that is written
FETCH_THREADS = 8
FETCH_ATTEMPTS = 5  # where objects are replaced while they are fetched
LARGE_BYTES = 10**8  # that are fetched, and so many
MANY_FILES = 1000  # of them: it takes a while, and is said
_LONGEST = 255  # bytes that file systems give a name
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Merge = Callable[[list[bytes], list[bytes]], Iterable[bytes]]  # lines of the object, of its file


class Mirror:
    """The local copy of a bucket's folder. Names are paths relative to both."""

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._bucket = bucket
        self._versions: dict[str, Version] = {}
        self._stamps: dict[str, tuple[int, int]] = {}  # of files known to equal their objects
        self._leased: set[str] = set()
        self._said: set[str] = set()  # names of objects that cannot be files

    def fetch(self, select: Callable[[Collection[str]], Iterable[str]]) -> None:
        """Downloads the objects that `select` chooses from all names that files can have.

        Raises:
          RefusedError: there is no room for them.
          InterruptedRun: the storage does not answer, or the objects are replaced each time.
        """
        for _ in range(FETCH_ATTEMPTS):
            objects = self._bucket.list()
            impossible = _impossible(objects)
            self._say_left_out(impossible)
            self._versions = {
                name: version
                for name, version in objects.items()
                if _is_mirrored(name) and name not in impossible
            }
            self._leased = {
                name.removesuffix(lease.NAME).rstrip("/")
                for name in objects
                if name.split("/")[-1] == lease.NAME
            }
            for name in (
                self._stamps.keys() - self._versions.keys()
            ):  # deleted since the last listing
                (self.folder / name).unlink(missing_ok=True)
                del self._stamps[name]
            try:
                self._fetch_all(list(select(self._versions.keys())))
                return
            except Vanished:
                continue
        raise InterruptedRun(f"{self._bucket.name} is changing while it is read: run again")

    def _say_left_out(self, impossible: set[str]) -> None:
        if new := sorted(impossible - self._said):
            what = counted(len(new), "object is", "objects are")
            said = "%s: %s left out, as no file here can have such a name: %s"
            log.warning(said, self._bucket.name, what, listed(new))
            self._said |= impossible

    def names(self) -> list[str]:
        """Names of the bucket's objects, as last listed."""
        return sorted(self._versions)

    def versions(self) -> dict[str, Version]:
        """The bucket's objects, as last listed."""
        return dict(self._versions)

    def leased(self) -> set[str]:
        """Folders in it with a lease, as last listed: they are written, or were when killed."""
        return self._leased

    def changed(self) -> list[str]:
        """Names of files that differ from what was last fetched or sent."""
        return [
            name for name, path in self._files().items() if self._stamps.get(name) != _stamp(path)
        ]

    def deleted(self) -> list[str]:
        """Names of objects whose local files no longer exist."""
        return sorted(self._versions.keys() - self._files().keys())

    def send(self, name: str) -> None:
        """Uploads the file, unless the object is equal to it.

        Raises:
          Conflict: another process has written the object since its version was last read.
        """
        path, version = self.folder / name, self._versions.get(name)
        stamp = _stamp(path)  # before reading: a later change is sent the next time
        if version is None or version.md5 != md5_of(path):
            generation = version.generation if version else 0
            self._versions[name] = self._bucket.write(name, path.read_bytes(), generation)
        self._stamps[name] = stamp

    def remove(self, name: str) -> None:
        """Removes the object.

        Raises:
          Conflict: as for `send`.
        """
        if version := self._versions.pop(name, None):
            self._bucket.delete(name, version.generation)

    def refresh(self, name: str) -> None:
        """Reads the object's current version, which the next upload or removal then replaces."""
        current = self._bucket.find(name)
        if current is None:
            self._versions.pop(name, None)
        else:
            self._versions[name] = current

    def take(self, name: str) -> bool:
        """Replaces the file by the object as it is now; whether there is one.

        Raises:
          Vanished: another process has written the object meanwhile.
        """
        self.refresh(name)
        if name in self._versions:
            self._fetch(name)
        return name in self._versions

    def merge_lines(self, name: str, merge: Merge) -> None:
        """Replaces the file's lines by `merge` of the lines of the object and of the file.

        Raises:
          Vanished: another process has written the object since its version was last read.
        """
        if version := self._versions.get(name):
            remote = b"".join(self._bucket.read(name, version)).splitlines()
            local = (self.folder / name).read_bytes().splitlines()
            lines = dict.fromkeys(merge(remote, local))  # without duplicates
            content = b"".join(line + b"\n" for line in lines)
            file_system.write_atomically(
                self.folder / name, lambda temporary: temporary.write_bytes(content)
            )

    def _fetch_all(self, names: list[str]) -> None:
        absent = [name for name in names if not (self.folder / name).is_file()]
        size = disk.taken(self._versions[name].size for name in absent)
        free = disk.free(self.folder)
        if size > free:
            raise RefusedError(
                f"{self._bucket.name} holds {size / 1e9:.1f} GB, and {tempfile.gettempdir()} has "
                f"room for {free / 1e9:.1f} GB: set TMPDIR to a folder with more"
            )
        if size > LARGE_BYTES or len(absent) > MANY_FILES:
            what = f"{len(absent):,} files, {size / 1e6:,.0f} MB"
            log.info("fetching %s, from %s", what, self._bucket.name)
        activity.now(f"fetching {self._bucket.name}")
        fetched = 0
        for size in threads.in_order(self._fetch, names, FETCH_THREADS):
            fetched += size
            activity.part(f"{fetched / 1e6:,.0f} MB")
        activity.now("")

    def _fetch(self, name: str) -> int:
        """Makes the file equal to its object; the size."""
        path, version = self.folder / name, self._versions[name]
        if not (path.is_file() and version.md5 and md5_of(path) == version.md5):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with open(path, "wb") as file:
                    file.writelines(self._bucket.read(name, version))
            except BaseException as error:
                with contextlib.suppress(OSError):  # there is none, where it could not be made
                    path.unlink()  # an incomplete file must not remain
                self._stamps.pop(name, None)
                if isinstance(error, OSError):
                    said = (
                        f"{self._bucket.name}: {name} cannot be copied to {tempfile.gettempdir()} "
                        f"({error.strerror})"
                    )
                    other = "one with room" if error.errno in _NO_ROOM else "another"
                    way_out = f"set TMPDIR to {other}"
                    raise file_errors.refused(error, said, way_out) from error
                raise
            os.utime(path, ns=(version.updated_ns, version.updated_ns))
        self._stamps[name] = _stamp(path)
        return version.size

    def _files(self) -> dict[str, Path]:
        files = (path for path in self.folder.rglob("*") if path.is_file())
        by_name = {path.relative_to(self.folder).as_posix(): path for path in files}
        return {name: by_name[name] for name in sorted(by_name) if _is_mirrored(name)}


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _impossible(names: Collection[str]) -> set[str]:
    """The objects whose names no file can have, or none beside those of the other objects.

    Names that end with a slash are left aside: consoles make them for folders.
    """
    kept = {name for name in names if not name.endswith("/")}
    found = {name for name in kept if not _can_be_a_file(name)}
    folders: set[str] = set()
    for name in kept - found:
        folder = name.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return found | (kept & folders)


def _can_be_a_file(name: str) -> bool:
    parts = name.split("/")
    is_short = all(len(os.fsencode(part)) <= _LONGEST for part in parts)
    return is_short and "\0" not in name and not {"", ".", ".."} & set(parts)


def _is_mirrored(name: str) -> bool:
    """Whether a name is of a complete file, not of a lock, a folder or a temporary file."""
    parts = name.split("/")
    return (
        lease.NAME not in parts
        and not {"", ".", ".."} & set(parts)
        and not any(part.startswith(unfinished.PARTIAL) or _SAVED.match(part) for part in parts)
    )
