"""The temporary folder of the local copies, and their URLs in place of its paths in messages.

A process keeps its copies in one temporary folder, which it removes at its end. The folder is
locked: programs that remove old temporary files leave it alone, and the folder of a killed process,
whose lock is free, is recognised and removed by the next process.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path

from trainer.cloud.url import GsUrl
from trainer.system import path_names
from trainer.system.exits import RefusedError

_PREFIX = "fashion-gan-copies-"
_urls: dict[str, str] = {}  # local path -> URL


def copy_of(url: GsUrl) -> Path:
    """The path of this process's local copy of `url`, which is not created here.

    Raises:
      RefusedError: no temporary folder can be created, or its name cannot be used.
    """
    path = _temporary_folder() / hashlib.sha256(str(url).encode()).hexdigest()[:16]
    _urls[str(path)] = str(url)
    return path


def shown(text: str) -> str:
    """The text with the paths of local copies replaced by their URLs."""
    for path, url in _urls.items():
        text = text.replace(path, url)
    return text


class ShowsUrls(logging.Filter):
    """Replaces the paths of local copies by their URLs in log messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrites the message; drops none."""
        if _urls:
            record.msg, record.args = shown(record.getMessage()), ()
        return True


@functools.cache
def _temporary_folder() -> Path:
    try:
        path_names.check("TMPDIR", Path(tempfile.gettempdir()))
        _remove_abandoned()
        folder = _make_locked()
        while not folder.exists():  # another process removed it before it was locked
            folder = _make_locked()
    except OSError as error:
        raise RefusedError(
            f"no temporary folder can be created ({error.strerror}): set TMPDIR to a writable one"
        ) from error
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _make_locked() -> Path:
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)  # until the process ends
    return folder


def _remove_abandoned() -> None:
    for abandoned in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # in use, another user's, or already removed
            descriptor = os.open(abandoned, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(abandoned)
            finally:
                os.close(descriptor)
