"""Tables and figures in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

DASH = "-"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows may be shorter than the head."""
    lines = [head, ["---"] * len(head), *([*row, *[""] * (len(head) - len(row))] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def spread(values: Sequence[float], digits: int = 0) -> str:
    """The median, and the least and the most."""
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({least:,.{digits}f} to {most:,.{digits}f})"


def escaped(text: str) -> str:
    """As the content of a cell."""
    return text.replace("|", r"\|")
