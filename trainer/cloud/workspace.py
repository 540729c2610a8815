"""Where the local copies lie, and how they are called before people: by their URLs.

The copies of a process lie in one temporary folder, which is removed when it ends. The folder is
locked, which tells cleaners of old files to leave it alone, and tells the next process of ours
what one that was killed has left: its lock has died.
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
from trainer.system.exits import RefusedError

_PREFIX = "fashion-gan-copies-"
_urls: dict[str, str] = {}  # local path -> URL


def copy_of(url: GsUrl) -> Path:
    """The folder for this process's copy of what `url` names, not made yet.

    Raises:
      RefusedError: there is no place for temporary files.
    """
    path = _folder() / hashlib.sha256(str(url).encode()).hexdigest()[:16]
    _urls[str(path)] = str(url)
    return path


def shown(text: str) -> str:
    """The text with URLs in the place of their copies' paths."""
    for path, url in _urls.items():
        text = text.replace(path, url)
    return text


class ShowsUrls(logging.Filter):
    """Shows log lines with URLs in the place of their copies' paths."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrites the line; lets all pass."""
        if _urls:
            record.msg, record.args = shown(record.getMessage()), ()
        return True


@functools.cache
def _folder() -> Path:
    try:
        _sweep()
        folder = _make_locked()
        while not folder.exists():  # another process has swept it before it was locked
            folder = _make_locked()
    except OSError as error:
        raise RefusedError(
            f"no temporary folder can be made ({error.strerror}): let TMPDIR name a writable one"
        ) from error
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _make_locked() -> Path:
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)  # until the process ends
    return folder


def _sweep() -> None:
    for left_over in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # in use, another user's, or gone already
            held = os.open(left_over, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left_over)
            finally:
                os.close(held)
