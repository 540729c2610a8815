"""How many processor cores this process may use."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def available() -> int:
    """Cores of its affinity, fewer where a control group has a quota of time; at least one."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min([cores, *(math.floor(quota) for quota in _quotas())]))


def _quotas() -> Iterator[float]:
    """Quotas in cores of the control groups that this process is in, of version 1 and 2."""
    for folder in _folders():
        with contextlib.suppress(OSError, ValueError):
            limit, of_time = (folder / "cpu.max").read_text(encoding="ascii").split()
            if limit != "max":
                yield int(limit) / int(of_time)
        with contextlib.suppress(OSError, ValueError):
            quota, period = (
                int((folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii"))
                for name in ("quota", "period")
            )
            if quota > 0:
                yield quota / period


def _folders() -> Iterator[Path]:
    """Of these groups and those above them, as they are mounted."""
    try:
        lines = _OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        for mount in ("", "cpu", "cpu,cpuacct"):
            inner = Path(path.strip("/"))
            for group in (inner, *inner.parents):
                yield _GROUPS / mount / group
