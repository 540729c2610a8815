"""Linux's control groups, by which a container or a session is limited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

MOUNTED = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def folders(controller: str) -> Iterator[Path]:
    """Where the limits of this process's groups, and of those above them, may stand.

    Args:
      controller: `cpu` or `memory`; of version 1, which mounts each by itself. Version 2 has one
        tree.
    """
    try:
        lines = OWN.read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        inner = Path(path.strip("/"))
        for mount in dict.fromkeys(("", controller, controllers)):
            for group in (inner, *inner.parents):
                yield MOUNTED / mount / group
