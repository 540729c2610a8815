"""What users may name as a folder or a file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from trainer.cloud import local_copies, url
from trainer.cloud.url import GsUrl
from trainer.system import path_names
from trainer.system.exits import RefusedError

_PICTURES = ("", ".png", ".gif")  # suffixes of what a command reads, too: of a folder none


def job_dir(value: str, flag: str = "job_dir") -> tuple[Path, GsUrl | None]:
    """A run directory, as `folder` gives it.

    Raises:
      RefusedError: as there, or it is a whole bucket.
    """
    path, parsed = folder(flag, value)
    if parsed and not parsed.key:
        raise RefusedError(
            f"--{flag}={parsed} is a whole bucket: name a folder in it, like {parsed}/run"
        )
    return path, parsed


def with_default(flag: str, value: str, is_given: bool) -> tuple[Path, GsUrl | None]:
    """A folder of data, as `folder` gives it.

    Not every data set needs one: an impossible default is refused only where it is used, as a path
    at which there can be no folder.

    Raises:
      RefusedError: as there, if it is given.
    """
    try:
        return folder(flag, value)
    except RefusedError as error:
        if is_given:
            raise
        return Path(os.devnull, f"no default ({error})"), None


def folder(flag: str, value: str) -> tuple[Path, GsUrl | None]:
    """A flag's folder: itself if it is local, else the place of its local copy, and its URL.

    Raises:
      RefusedError: there can be no such folder.
    """
    if not value.startswith(url.SCHEME):
        return local(flag, value), None
    parsed = url.parse(value, flag)
    return local_copies.copy_of(parsed), parsed


def input_path(flag: str, value: str) -> Path:
    """A flag's file or folder of pictures or arrays, which TensorFlow does not open.

    Raises:
      RefusedError: as `local`, but for patterns: `shirt [1].jpg` is a usual name.
    """
    return local(flag, value, for_tensorflow=False)


def output(value: str, suffixes: Iterable[str], **inputs: Path | None) -> Path:
    """What a command writes, a file or a folder.

    Args:
      value: of the flag.
      suffixes: of the files that it may be.
      inputs: what the command reads, by the flags that name it.

    Raises:
      RefusedError: there can be no such file, or it is a suffix alone, or would replace what is
        read, or be read itself the next time.
    """
    path = local("output", value)
    if path.name and path.name in suffixes:
        raise RefusedError(f"--output={value} is only a suffix: put a name before it")
    for flag, given in inputs.items():
        if given is None or not given.exists():
            continue
        is_inside = given.is_dir() and given.resolve() in path.resolve().parents
        if path.exists() and (path.samefile(given) or (path.is_file() and is_inside)):
            raise RefusedError(
                f"--output={value} would replace what --{flag}={given} names: choose another"
            )
        if is_inside and path.suffix in _PICTURES:
            raise RefusedError(
                f"--output={value} lies in --{flag}={given}, and would be read as input the next "
                "time: choose another"
            )
    return path


def local(flag: str, value: str, for_tensorflow: bool = True) -> Path:
    """A flag's local path.

    Args:
      flag: its name.
      value: what the user wrote.
      for_tensorflow: as for `path_names.check`.

    Raises:
      RefusedError: it is empty, a URL, of an unknown user, or a pattern.
    """
    if not value:
        raise RefusedError(f"--{flag} must not be empty")
    if "://" in value:
        raise RefusedError(f"--{flag}={value} must be a local path")
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:
        raise RefusedError(f"--{flag}={value}: {error}") from error
    path_names.check(f"--{flag}={value}", path, for_tensorflow)
    return path


def checkpoint(value: str) -> str:
    """What `--checkpoint` names: a word, a step, or a path without suffix.

    Raises:
      RefusedError: a path that no file can have.
    """
    if "/" not in value:
        path_names.check(f"--checkpoint={value}", Path(value))
        return value
    return str(local("checkpoint", value))
