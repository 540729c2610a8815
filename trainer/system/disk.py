"""How much room a folder has."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

# What the folder of temporary files may hold, where its disk has more: a pod's volume of limited
# size, beyond which Kubernetes ends the pod unsaid, and each one that it makes instead.
LIMIT = "TMPDIR_BYTES"
BLOCK = 512  # bytes, in which systems count what files take
CLUSTER = 4096  # of which each file takes whole ones


def taken(sizes: Iterable[int]) -> int:
    """Bytes that files of these sizes take."""
    return sum(-(-size // CLUSTER) * CLUSTER for size in sizes)


def free(folder: Path) -> int:
    """Bytes that may still be written to a folder that is there."""
    there = shutil.disk_usage(folder).free
    limit, temporary = os.environ.get(LIMIT, ""), Path(tempfile.gettempdir()).resolve()
    if not (limit.isdecimal() and folder.resolve().is_relative_to(temporary)):
        return there
    return max(0, min(there, int(limit) - _size(temporary)))


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # removed meanwhile
                total += BLOCK * (Path(place) / name).lstat().st_blocks
    return total
