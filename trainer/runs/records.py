"""JSON Lines files: reading them, and trimming metrics.jsonl to a step."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from trainer.system import file_system

CHARTS = {  # curves that share a plot
    "losses": ("loss/generator", "loss/discriminator"),
    "scores": ("score/real", "score/fake"),
}


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects in a file, without incomplete lines that a killed process has left."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            lines.append(json.loads(line))
    return lines


def trim_metrics(path: Path, step: int) -> None:
    """Drops the lines of all steps after `step`."""
    if path.exists():
        kept = [line for line in read_lines(path) if line["step"] <= step]
        file_system.write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
