"""Which machine this is: names are given anew, to a pod that replaces another one as well."""

from __future__ import annotations

from pathlib import Path

_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """A unique name of the machine since it started, the same in its containers; empty: unknown."""
    try:
        return _BOOT_ID_FILE.read_text(encoding="ascii").strip()
    except OSError:
        return ""
