"""Objects under a URL through gcsfs: every request bounded in time, every failure named.

gcsfs's own retries are not used: they can be neither bounded nor explained.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import functools
import hashlib
import json
import logging
import mimetypes
import os
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trainer.cloud import failures
from trainer.cloud.failures import Conflict, Vanished
from trainer.cloud.url import GsUrl
from trainer.system import signals
from trainer.system.exits import InterruptedRun, RefusedError, first_line

log = logging.getLogger(__name__)

PREFLIGHT_SECONDS = 30.0  # for the first answer, and in a pod for credentials before it
PATIENCE_SECONDS = 150.0  # with which a request is tried again
HURRY_SECONDS = 60.0  # the same once a signal asks to leave, well within interrupts.GRACE_SECONDS
ANSWER_SECONDS = 20.0  # in which a request must be answered, and for large ones
BYTES_A_SECOND = 2**20  # is the slowest transfer that is waited for
PIECE_BYTES = 2**25  # of a download that is held in memory
LONGEST_PAUSE_SECONDS = 8.0
CREDENTIALS_PAUSE_SECONDS = 1.0
QUIET_SECONDS = 5.0  # of trying again of which nothing is said


@dataclass(frozen=True)
class Stored:
    """One version of an object."""

    generation: int
    size: int  # bytes
    md5: str  # hexadecimal; empty for an object that was composed of others
    updated_ns: int  # since the epoch


class Bucket:
    """The objects under a URL, by their names in that folder.

    Methods raise `RefusedError` where a retry cannot help, and `InterruptedRun` where the storage
    has not answered for as long as is waited for it.
    """

    def __init__(self, url: GsUrl, flag: str) -> None:
        """Connects and asks for a first list, each within half a minute.

        Raises:
          RefusedError: no bucket, no credentials, or no permission to read.
          InterruptedRun: the storage cannot be reached.
        """
        self.name = f"--{flag}={url}"
        self._url = url
        self._filesystem = self._connect()
        try:
            self._list_page({"maxResults": 1}, PREFLIGHT_SECONDS)
        except Vanished as error:
            raise RefusedError(
                f"{self.name}: there is no bucket {url.bucket}: make it or name another"
            ) from error

    def list(self) -> dict[str, Stored]:
        """All objects under the URL."""
        found: dict[str, Stored] = {}
        page: dict[str, Any] = {}
        start = len(self._url.object_name(""))
        while True:
            page = self._list_page({"pageToken": page.get("nextPageToken")})
            for item in page.get("items", []):
                found[item["name"][start:]] = _stored(item)
            if "nextPageToken" not in page:
                return found

    def find(self, name: str) -> Stored | None:
        """The version of an object that is there."""
        try:
            return _stored(json.loads(self._call("GET", "b/{}/o/{}", *self._place(name))))
        except Vanished:
            return None

    def read(self, name: str, stored: Stored) -> Iterator[bytes]:
        """The content of this version of an object, in pieces.

        Raises:
          Vanished: it has been removed or replaced.
        """
        digest = hashlib.md5(usedforsecurity=False)
        url = self._filesystem.url("/".join(self._place(name)))
        for first in range(0, stored.size, PIECE_BYTES):
            last = min(first + PIECE_BYTES, stored.size) - 1
            piece = self._call(
                *("GET", url),
                headers={"Range": f"bytes={first}-{last}"},
                generation=stored.generation,
                size=last - first + 1,
            )
            digest.update(piece)
            yield piece
        if stored.md5 not in ("", digest.hexdigest()):
            raise InterruptedRun(f"{self.name}: {name} was garbled on its way: run again")

    def write(
        self, name: str, content: bytes, generation: int | None, patience: float | None = None
    ) -> Stored:
        """Replaces an object whole, or makes it.

        Args:
          name: in this folder.
          content: all of it.
          generation: of the version that it replaces, 0 if there must be none, None for any.
          patience: seconds to try again; None: as usual.

        Raises:
          Conflict: another version is there.
        """
        boundary = uuid.uuid4().hex
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        md5 = hashlib.md5(content, usedforsecurity=False)
        about = {
            "name": self._url.object_name(name),
            "md5Hash": base64.b64encode(md5.digest()).decode(),  # by which the storage checks it
        }
        body = b"".join(
            (
                f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode(),
                f"{json.dumps(about)}\r\n--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode(),
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
                patience=patience,
            )
            return _stored(json.loads(answer))
        except Vanished as error:
            raise RefusedError(f"{self.name}: its bucket is gone: restore it") from error
        except Conflict:
            there = self.find(name)
            if there is None or there.md5 != md5.hexdigest():
                raise
            return there  # our own, whose answer was lost

    def delete(self, name: str, generation: int | None, patience: float | None = None) -> None:
        """Removes an object, if it is there.

        Raises:
          Conflict: it is there in another version.
        """
        with contextlib.suppress(Vanished):
            self._call(
                *("DELETE", "b/{}/o/{}", *self._place(name)),
                ifGenerationMatch=generation,
                patience=patience,
            )

    def _place(self, name: str) -> tuple[str, str]:
        return self._url.bucket, self._url.object_name(name)

    @property
    def _upload_base(self) -> str:
        base: str = self._filesystem.base
        return base.replace("/storage/v1/", "/upload/storage/v1/")

    def _list_page(self, options: dict[str, Any], patience: float | None = None) -> dict[str, Any]:
        options |= {"prefix": self._url.object_name(""), "fields": _LIST_FIELDS}
        answer = self._call("GET", "b/{}/o", self._url.bucket, patience=patience, **options)
        page: dict[str, Any] = json.loads(answer)
        return page

    def _connect(self) -> Any:
        from google.auth.exceptions import GoogleAuthError

        # An emulator knows no credentials; for the real one, none must not become anonymous.
        token = "anon" if os.environ.get("STORAGE_EMULATOR_HOST") else "google_default"
        started, said = time.monotonic(), False
        while True:
            try:
                return _filesystem_class()(
                    token=token,
                    session_kwargs={"trust_env": True},
                    use_listings_cache=False,
                    skip_instance_cache=True,
                )
            except (GoogleAuthError, OSError, ValueError) as error:
                passed = time.monotonic() - started
                # What gives a new pod its credentials may not answer yet.
                if not _is_in_pod() or passed + CREDENTIALS_PAUSE_SECONDS > PREFLIGHT_SECONDS:
                    raise RefusedError(
                        f"{self.name} needs credentials ({first_line(error)}): run "
                        "`gcloud auth application-default login`, or give the job's account access"
                    ) from error
                if not said:
                    log.warning("%s: there are no credentials yet: trying again", self.name)
                    said = True
            time.sleep(CREDENTIALS_PAUSE_SECONDS)

    def _call(
        self,
        method: str,
        path: str,
        *names: str,
        size: int = 0,
        patience: float | None = None,
        **options: Any,
    ) -> bytes:
        """The content of the answer; tried again for as long as that can help."""
        seconds = ANSWER_SECONDS if patience is None else min(ANSWER_SECONDS, max(5.0, patience))
        started, pause, said = time.monotonic(), 0.25, False
        while True:
            try:
                _, content = self._filesystem.call(
                    method, path, *names, timeout=seconds + size / BYTES_A_SECOND, **options
                )
                if said:
                    log.info("%s: the storage answers again", self.name)
                return bytes(content)
            except Exception as error:  # aiohttp, google-auth and gcsfs share no base
                reason = failures.transient(self.name, error)
            passed = time.monotonic() - started
            if passed + pause > _patience(patience):
                raise InterruptedRun(
                    f"{self.name}: the storage cannot be reached ({reason}; tried for "
                    f"{passed:.0f} s): what it holds is whole, run the same command again"
                )
            if passed > QUIET_SECONDS and not said:
                log.warning("%s: the storage fails (%s): trying again", self.name, reason)
                said = True
            time.sleep(pause * random.uniform(0.5, 1))  # that many jobs do not come at once
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


_LIST_FIELDS = "nextPageToken,items(name,size,generation,md5Hash,updated)"


def md5_of(path: Path) -> str:
    """The digest by which a file is compared with an object."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _is_in_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ


def _patience(asked: float | None) -> float:
    usual = HURRY_SECONDS if signals.requested() else PATIENCE_SECONDS
    return usual if asked is None else min(asked, usual)


def _stored(item: dict[str, Any]) -> Stored:
    md5 = binascii.hexlify(base64.b64decode(item.get("md5Hash", ""))).decode()
    updated = datetime.fromisoformat(item["updated"])
    return Stored(
        int(item["generation"]), int(item["size"]), md5, int(updated.timestamp() * 1e6) * 1000
    )


@functools.cache
def _filesystem_class() -> Any:
    # With it each call first asks over gRPC what kind of bucket this is, for minutes if need be.
    os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
    import gcsfs  # takes a second, which local runs need not wait for

    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # what fails is said once, by us

    class Once(gcsfs.GCSFileSystem):
        """gcsfs without its retries."""

        _request = gcsfs.GCSFileSystem._request.__wrapped__

    return Once
