"""How much memory a process may still take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer.system import control_groups
from trainer.system.exits import RefusedError

_OF_ALL = Path("/proc/meminfo")


@dataclass(frozen=True)
class _Names:
    """How a version of control groups calls it."""

    limit: str
    used: str
    files: tuple[str, str]  # the lines of memory.stat


_VERSIONS = (
    _Names("memory.max", "memory.current", ("inactive_file", "active_file")),
    _Names(
        *("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ("total_inactive_file", "total_active_file"),
    ),
)


def available() -> int | None:
    """Bytes that are free, or could be; None where the system does not say."""
    machine = _of_machine()
    return min([*([] if machine is None else [machine]), *_of_groups()], default=None)


def check_room(count: int, remedy: str) -> None:
    """Refuses to take more than there is: the system would end the process without a word.

    Args:
      count: bytes.
      remedy: what to do.

    Raises:
      RefusedError: as the name says.
    """
    there = available()
    if there is not None and count > there:
        raise RefusedError(
            f"{count / 2**30:.1f} GiB do not fit into memory, of which "
            f"{there / 2**30:.1f} GiB are left: {remedy}"
        )


def _of_machine() -> int | None:
    try:
        lines = _OF_ALL.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 2**10
    return None


def _of_groups() -> list[int]:
    """What the limits of this process's control groups leave, of version 2 and of version 1.

    What they hold of files is not counted: the system drops that first.
    """
    folders = control_groups.folders("memory")
    found = [_of_group(folder, names) for folder in folders for names in _VERSIONS]
    return [each for each in found if each is not None]


def _of_group(folder: Path, names: _Names) -> int | None:
    try:
        limit, used = (int((folder / name).read_text()) for name in (names.limit, names.used))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return limit - used + sum(int(stat[line]) for line in names.files)
    except (OSError, ValueError, KeyError):  # there is none; "max": no limit
        return None
