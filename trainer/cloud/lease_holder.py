"""Identifies the processes of this machine, to find out whether a lease's holder has died."""

from __future__ import annotations

import os
from pathlib import Path

from trainer.system import machine, process_image


def identity() -> str:
    """A unique name of this process, also across reboots; empty where /proc does not provide it."""
    try:
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    boot, pid = machine.boot_id(), os.getpid()
    return f"{boot} {namespace} {pid} {_start_time(pid)}" if boot else ""


def is_dead(other: str) -> bool:
    """Whether the process with this `identity` ran on this machine and namespace and has ended.

    Or was this one, before it started itself anew.
    """
    ours, theirs = identity().split(), other.split()
    if ours == theirs and len(ours) == 4:
        return process_image.was_restarted()
    if len(ours) != 4 or len(theirs) != 4 or ours[:2] != theirs[:2] or not theirs[2].isdecimal():
        return False
    return _start_time(int(theirs[2])) != theirs[3]


def _start_time(pid: int) -> str:
    """Start time of a living process in the kernel's clock ticks; empty if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in ("Z", "X") else fields[18]
