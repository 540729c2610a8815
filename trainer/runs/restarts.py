"""How often a run was resumed.

The count is not in checkpoints, which are bitwise equal whether a run was interrupted or not.
"""

from __future__ import annotations

from pathlib import Path

from trainer import run_layout
from trainer.system import file_system


def count_one_more(job_dir: Path) -> int:
    """Increments the count in the run directory and returns it."""
    restarts = _read(job_dir / run_layout.RESTARTS) + 1
    file_system.write_text(job_dir / run_layout.RESTARTS, f"{restarts}\n")
    return restarts


def _read(path: Path) -> int:
    try:
        return int(file_system.read_text(path))
    except (FileNotFoundError, ValueError):  # a damaged count must not stop the training
        return 0
