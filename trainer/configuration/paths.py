"""What users may name as a folder or a file."""

from __future__ import annotations

from pathlib import Path

from trainer.cloud import local_copies, url
from trainer.cloud.url import GsUrl
from trainer.system.exits import RefusedError


def job_dir(value: str) -> tuple[Path, GsUrl | None]:
    """The run directory, as `folder` gives it.

    Raises:
      RefusedError: as there, or it is a whole bucket.
    """
    path, parsed = folder("job_dir", value)
    if parsed and not parsed.key:
        raise RefusedError(f"--job_dir={parsed} is a whole bucket: name a folder, {parsed}/run")
    return path, parsed


def folder(flag: str, value: str) -> tuple[Path, GsUrl | None]:
    """A flag's folder: itself if it is local, else the place of its local copy, and its URL.

    Raises:
      RefusedError: there can be no such folder.
    """
    if not value.startswith(url.SCHEME):
        return local(flag, value), None
    parsed = url.parse(value, flag)
    return local_copies.copy_of(parsed), parsed


def local(flag: str, value: str) -> Path:
    """A flag's local path.

    Raises:
      RefusedError: it is empty, a URL, of an unknown user, or a pattern.
    """
    if not value:
        raise RefusedError(f"--{flag} must not be empty")
    if "://" in value:
        raise RefusedError(f"--{flag}={value} must be a local path")
    if set("*?[") & set(value):
        # TensorFlow deletes old checkpoints by pattern.
        raise RefusedError(f"--{flag}={value} must not contain any of * ? [")
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise RefusedError(f"--{flag}={value}: {error}") from error
