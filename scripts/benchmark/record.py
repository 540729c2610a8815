"""A file of what was measured, by the kind of the machine and by part.

A part may have a `note`, written by hand: what has changed since. It goes with the part.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainer.system import file_system

Part = dict[str, Any]


def read(record: Path) -> dict[str, dict[str, Part]]:
    """What has been measured; nothing where there is no file."""
    return json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}


def note(part: Part) -> str:
    """What the page says of a part beside its figures."""
    return f" {part['note']}" if "note" in part else ""


def keep(record: Path, name: str, measured: Part) -> dict[str, dict[str, Part]]:
    """Keeps a part beside those of other kinds of machines, and returns all."""
    kinds = read(record)
    kinds.setdefault(measured["machine"]["kind"], {})[name] = measured
    file_system.write_text(record, json.dumps(kinds, indent=1) + "\n")
    return kinds
