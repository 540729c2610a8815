"""URLs of folders in buckets."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trainer.system.exits import RefusedError

SCHEME = "gs://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_FORBIDDEN = re.compile(r"[\x00-\x1f#*?\[\]\\]")  # patterns or versions to other tools


@dataclass(frozen=True)
class GsUrl:
    """`gs://bucket/key`; an empty key stands for the entire bucket."""

    bucket: str
    key: str  # without leading or trailing slashes

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}".rstrip("/")

    def object_name(self, name: str) -> str:
        """The full object name of `name`, which is relative to this folder."""
        return f"{self.key}/{name}" if self.key else name


def parse(text: str, flag: str) -> GsUrl:
    """Parses the value of a flag.

    Raises:
      RefusedError: no valid name of a bucket or a folder.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:  # bytes of another encoding
        raise RefusedError(f"--{flag}={text!r} must be UTF-8") from error
    bucket, _, key = text.removeprefix(SCHEME).partition("/")
    key = key.rstrip("/")
    if not bucket:
        raise RefusedError(f"--{flag}={text} names no bucket: write gs://bucket/folder")
    if not _BUCKET.fullmatch(bucket):
        raise RefusedError(
            f"--{flag}={text}: {bucket} cannot be a bucket's name, which has 3 or more lower-case "
            "letters, digits, dots, dashes and underscores, with a letter or digit at each end"
        )
    if _FORBIDDEN.search(key) or (key and {"", ".", ".."} & set(key.split("/"))):
        raise RefusedError(
            f"--{flag}={text} must not contain any of # * ? [ ] \\, or empty, . or .. folders"
        )
    return GsUrl(bucket, key)
