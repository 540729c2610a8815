"""The name of a folder in a bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trainer.system.exits import RefusedError

SCHEME = "gs://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_UNFIT = re.compile(r"[\x00-\x1f#*?\[\]\\]")  # other tools read them as patterns or versions


@dataclass(frozen=True)
class GsUrl:
    """`gs://bucket/key`; without a key the whole bucket."""

    bucket: str
    key: str  # without slashes at its ends

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}".rstrip("/")

    def object_name(self, name: str) -> str:
        """The name in the bucket of what is called `name` in this folder."""
        return f"{self.key}/{name}" if self.key else name


def parse(text: str, flag: str) -> GsUrl:
    """The folder that a flag names.

    Raises:
      RefusedError: the bucket or the folder cannot have that name.
    """
    bucket, _, key = text.removeprefix(SCHEME).partition("/")
    key = key.rstrip("/")
    if not _BUCKET.fullmatch(bucket):
        raise RefusedError(f"--{flag}={text} names no bucket: write gs://bucket/folder")
    if _UNFIT.search(key) or (key and {"", ".", ".."} & set(key.split("/"))):
        raise RefusedError(
            f"--{flag}={text} must not contain any of # * ? [ ] \\, nor empty or dotted folders"
        )
    return GsUrl(bucket, key)
