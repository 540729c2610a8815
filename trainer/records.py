"""metrics.jsonl, the record of a run: read, and cut to a step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainer import storage

METRICS_FILE = "metrics.jsonl"
CHARTS = {  # what belongs into one picture
    "losses": ("loss/generator", "loss/discriminator"),
    "scores": ("score/real", "score/fake"),
}


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; a last line that a kill cut short is left out."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


def cut_metrics(path: Path, step: int) -> None:
    """Drops every line after `step`."""
    if path.exists():
        kept = [line for line in read_metrics(path) if line["step"] <= step]
        storage.write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
