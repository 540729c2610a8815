"""Files of a JSON object a line; metrics.jsonl, the record of a run, is cut to a step."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from trainer.system import file_system

CHARTS = {  # what belongs into one picture
    "losses": ("loss/generator", "loss/discriminator"),
    "scores": ("score/real", "score/fake"),
}


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of such a file, without those that a kill cut short."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            lines.append(json.loads(line))
    return lines


def cut_metrics(path: Path, step: int) -> None:
    """Drops every line after `step`."""
    if path.exists():
        kept = [line for line in read_lines(path) if line["step"] <= step]
        file_system.write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
