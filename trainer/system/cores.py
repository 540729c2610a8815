"""How many processor cores this process may use."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator

from trainer.system import control_groups


def available() -> int:
    """Cores of its affinity, fewer where a control group has a quota of time; at least one."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min([cores, *(math.floor(quota) for quota in _quotas())]))


def _quotas() -> Iterator[float]:
    """Quotas in cores of the control groups that this process is in, of version 1 and 2."""
    for folder in control_groups.folders("cpu"):
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
