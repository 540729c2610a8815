"""Processes of this machine: whether one that is named in a lease has died."""

from __future__ import annotations

import os
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def identity() -> str:
    """A name of this process that no other ever has; empty where the system cannot give one."""
    try:
        namespace = Path("/proc/self/ns/pid").readlink()
        boot = _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
    pid = os.getpid()
    return f"{boot} {namespace} {pid} {_started(pid)}"


def is_dead(named: str) -> bool:
    """Whether the process is known to have ended: it was one of this machine, seen from here."""
    ours, theirs = identity().split(), named.split()
    if len(ours) != 4 or len(theirs) != 4 or ours[:2] != theirs[:2] or not theirs[2].isdecimal():
        return False
    return _started(int(theirs[2])) != theirs[3]


def _started(pid: int) -> str:
    """When a living process began, in the kernel's ticks; empty if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in ("Z", "X") else fields[18]
