"""How often a run was resumed. Checkpoints hold no such count: it would differ between bits."""

from __future__ import annotations

from pathlib import Path

from trainer.system import file_system

RESTARTS_FILE = "restarts"


def count(job_dir: Path) -> int:
    """Counts one more in the run directory and returns how many there have been."""
    restarts = _read(job_dir / RESTARTS_FILE) + 1
    file_system.write_text(job_dir / RESTARTS_FILE, f"{restarts}\n")
    return restarts


def _read(path: Path) -> int:
    try:
        return int(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # a damaged count is no reason not to train
        return 0
