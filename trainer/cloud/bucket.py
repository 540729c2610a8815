"""Objects under a URL, read and written through gcsfs with a time limit on every request."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import logging
import mimetypes
import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trainer.cloud import connection, failures
from trainer.cloud.failures import Conflict, Vanished
from trainer.cloud.url import GsUrl
from trainer.system import signals
from trainer.system.exits import InterruptedRun, RefusedError

log = logging.getLogger(__name__)

PREFLIGHT_SECONDS = 30.0  # limit for the first request, and in a pod for obtaining credentials
PATIENCE_SECONDS = 150.0  # how long a failing request is retried
ACCESS_SECONDS = 180.0  # the same until a pod's account may use a bucket, which takes a while
RETRY_SECONDS_AFTER_SIGNAL = 60.0  # the same after SIGTERM, well within signals.GRACE_SECONDS
TIMEOUT_SECONDS = 20.0  # for one request, plus the time for its content at the slowest rate
MIN_BYTES_PER_SECOND = 2**20  # at first
SLOW_FACTOR = 4  # by which a line may be slower once that was not enough
CHUNK_BYTES = 2**25  # a download holds one chunk in memory
MAX_PAUSE_SECONDS = 8.0  # between two attempts
WARN_AFTER_SECONDS = 5.0  # of failed attempts


@dataclass(frozen=True)
class Version:
    """One version of an object."""

    generation: int
    size: int  # bytes
    md5: str  # hexadecimal; empty for a composite object
    encoding: str  # in which it is stored; empty: as it is
    updated_ns: int  # since the epoch


class Bucket:
    """The objects under a URL, by their names relative to it.

    Methods raise `RefusedError` where a retry cannot help, and `InterruptedRun` where the storage
    still fails at the end of the retry limit.
    """

    def __init__(self, url: GsUrl, flag: str) -> None:
        """Connects and requests a first listing, each within `PREFLIGHT_SECONDS`.

        Raises:
          RefusedError: no such bucket, no credentials, or no permission to read.
          InterruptedRun: the storage cannot be reached.
        """
        self.name = f"--{flag}={url}"
        self._url = url
        self._has_answered = False
        self._filesystem = connection.connected(self.name, PREFLIGHT_SECONDS)
        self._list_page({"maxResults": 1}, PREFLIGHT_SECONDS)

    def list(self) -> dict[str, Version]:
        """All objects under the URL."""
        versions: dict[str, Version] = {}
        page: dict[str, Any] = {}
        start = len(self._url.object_name(""))
        while True:
            page = self._list_page({"pageToken": page.get("nextPageToken")})
            for item in page.get("items", []):
                versions[item["name"][start:]] = _version(item)
            if "nextPageToken" not in page:
                return versions

    def find(self, name: str) -> Version | None:
        """The current version of an object, or None."""
        try:
            return _version(self._call("GET", "b/{}/o/{}", *self._location(name), parse=json.loads))
        except Vanished:
            return None

    def read(self, name: str, version: Version) -> Iterator[bytes]:
        """The content of this version of an object, in chunks.

        Raises:
          Vanished: it has been removed or replaced.
        """
        if version.encoding:
            raise RefusedError(
                f"{self.name}: {name} is stored with Content-Encoding: {version.encoding}: upload "
                "it again without one, as its size and digest are not those of what is read"
            )
        digest = hashlib.md5(usedforsecurity=False)
        url = self._filesystem.url("/".join(self._location(name)))
        for first in range(0, version.size, CHUNK_BYTES):
            last = min(first + CHUNK_BYTES, version.size) - 1
            chunk = self._call(
                *("GET", url),
                headers={"Range": f"bytes={first}-{last}"},
                generation=version.generation,
                size=last - first + 1,
            )
            digest.update(chunk)
            yield chunk
        if version.md5 not in ("", digest.hexdigest()):
            raise InterruptedRun(f"{self.name}: {name} was corrupted in transit: run again")

    def write(
        self, name: str, content: bytes, generation: int | None, retry_for: float | None = None
    ) -> Version:
        """Replaces an object's content, or creates it.

        Args:
          name: relative to the URL.
          content: the complete content.
          generation: of the version that it replaces, 0 if there must be none, None for any.
          retry_for: seconds after which a failing request is given up; None: the default.

        Raises:
          Conflict: the current version is another one.
        """
        boundary = uuid.uuid4().hex
        mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
        md5 = hashlib.md5(content, usedforsecurity=False)
        metadata = {
            "name": self._url.object_name(name),
            "md5Hash": base64.b64encode(md5.digest()).decode(),  # the storage verifies it
        }
        body = b"".join(
            (
                f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode(),
                f"{json.dumps(metadata)}\r\n--{boundary}\r\nContent-Type: {mime}\r\n\r\n".encode(),
                content,
                f"\r\n--{boundary}--".encode(),
            )
        )
        try:
            answer = self._call(
                *("POST", f"{self._upload_base}b/{{}}/o", self._url.bucket),
                headers={"Content-Type": f'multipart/related; boundary="{boundary}"'},
                data=body,
                uploadType="multipart",
                ifGenerationMatch=generation,
                size=len(content),
                retry_for=retry_for,
                parse=json.loads,
            )
            return _version(answer)
        except Vanished as error:
            raise RefusedError(f"{self.name}: its bucket is gone: restore it") from error
        except Conflict:
            current = self.find(name)
            if current is None or current.md5 != md5.hexdigest():
                raise
            return current  # our own write, whose response was lost

    def delete(self, name: str, generation: int | None, retry_for: float | None = None) -> None:
        """Removes an object, if it exists.

        Raises:
          Conflict: the current version is another one.
        """
        with contextlib.suppress(Vanished):
            self._call(
                *("DELETE", "b/{}/o/{}", *self._location(name)),
                ifGenerationMatch=generation,
                retry_for=retry_for,
            )

    def _location(self, name: str) -> tuple[str, str]:
        return self._url.bucket, self._url.object_name(name)

    @property
    def _upload_base(self) -> str:
        base: str = self._filesystem.base
        return base.replace("/storage/v1/", "/upload/storage/v1/")

    def _list_page(self, options: dict[str, Any], retry_for: float | None = None) -> dict[str, Any]:
        options |= {"prefix": self._url.object_name(""), "fields": _LIST_FIELDS}
        try:
            page: dict[str, Any] = self._call(
                *("GET", "b/{}/o", self._url.bucket),
                retry_for=retry_for,
                parse=json.loads,
                **options,
            )
        except Vanished as error:
            said = f"{self.name}: there is no bucket {self._url.bucket}"
            raise RefusedError(f"{said}: create it or name another") from error
        return page

    def _call(
        self,
        method: str,
        path: str,
        *names: str,
        size: int = 0,
        retry_for: float | None = None,
        parse: Callable[[bytes], Any] = bytes,
        **options: Any,
    ) -> Any:
        """The content of the response, parsed; retried where that can help, up to the limit."""
        timeout = (
            TIMEOUT_SECONDS if retry_for is None else min(TIMEOUT_SECONDS, max(5.0, retry_for))
        )
        started, pause, warned = time.monotonic(), 0.25, False
        for_content, is_slow = size / MIN_BYTES_PER_SECOND, False
        while True:
            try:
                _, content = self._filesystem.call(
                    method, path, *names, timeout=_bounded(timeout + for_content), **options
                )
                parsed = parse(content)
                self._has_answered = True
                if warned:
                    log.info("%s: the storage is responding again", self.name)
                return parsed
            except Exception as error:  # aiohttp, google-auth and gcsfs have no common base class
                reason = failures.transient(self.name, error, self._has_answered)
                if failures.is_unauthorised(error):
                    connection.expire_token(self._filesystem)
                no_access = not self._has_answered and failures.is_without_access(error)
                # A slow line would never be done with it: it gets more time, once, however long
                # the first attempt has lasted.
                slows = bool(size) and isinstance(error, TimeoutError) and not is_slow
            elapsed = time.monotonic() - started
            limit = ACCESS_SECONDS if no_access else _retry_limit(retry_for, started)
            if slows:
                for_content, is_slow = SLOW_FACTOR * for_content, True
            elif elapsed + pause > limit:
                raise self._given_up(no_access, reason, elapsed)
            if elapsed > WARN_AFTER_SECONDS and not warned:
                log.warning("%s: the storage is failing (%s): trying again", self.name, reason)
                warned = True
            time.sleep(pause * random.uniform(0.5, 1))  # so that many jobs do not retry at once
            pause = min(2 * pause, MAX_PAUSE_SECONDS)

    def _given_up(
        self, no_access: bool, reason: str, elapsed: float
    ) -> RefusedError | InterruptedRun:
        if no_access:
            return RefusedError(
                f"{self.name}: this pod's account gets no credentials ({reason}): give it "
                "roles/iam.workloadIdentityUser on the Google account that it acts as, which "
                "--google_account of scripts/submit names"
            )
        return InterruptedRun(
            f"{self.name}: the storage cannot be reached ({reason}; tried for {elapsed:.0f} s): "
            "what it holds is intact, run the same command again"
        )


_LIST_FIELDS = "nextPageToken,items(name,size,generation,md5Hash,updated,contentEncoding)"


def md5_of(path: Path) -> str:
    """The MD5 digest of a file in hexadecimal, to compare it with an object's."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _retry_limit(requested: float | None, started: float) -> float:
    """How many seconds after its start a request is given up."""
    signalled = signals.stop_requested_at()
    if signalled is None:
        default = PATIENCE_SECONDS
    else:  # from the signal on, however long it has been tried before
        default = max(0.0, signalled - started) + RETRY_SECONDS_AFTER_SIGNAL
    return default if requested is None else min(requested, default)


def _bounded(timeout: float) -> float:
    """A request's time limit; after a signal, no more than is left for trying again."""
    signalled = signals.stop_requested_at()
    if signalled is None:
        return timeout
    left = signalled + RETRY_SECONDS_AFTER_SIGNAL - time.monotonic()
    return min(timeout, max(left, 5.0))


def _version(item: dict[str, Any]) -> Version:
    md5 = binascii.hexlify(base64.b64decode(item.get("md5Hash", ""))).decode()
    updated = datetime.fromisoformat(item["updated"])
    return Version(
        int(item["generation"]),
        int(item["size"]),
        md5,
        item.get("contentEncoding", ""),
        int(updated.timestamp() * 1e6) * 1000,
    )
