"""An evaluation's result as a table for people: figure, yours, real images', what is better."""

from __future__ import annotations

from typing import Any

from trainer.runs import figures

_ROW = "  {:<30} {:<12} {:<14} {}"


def lines(result: dict[str, Any]) -> list[str]:
    """The rows; what is long stands alone, below its name."""
    of_real = {figure.real for figure in figures.FIGURES.values()}
    rows = [_ROW.format("metric", "yours", "real images", "better")]
    for name, value in result.items():
        if name in of_real or name.endswith("_sha256"):  # which nobody reads; the JSON has them
            continue
        figure = figures.named(name)
        real = result.get(figure.real)
        shown = figure.real_by_definition if real is None else _shown(real)
        row = _ROW.format(name, _shown(value), shown, figure.better).rstrip()
        if isinstance(value, dict) and real is not None:
            row = f"  {name:<30} {_shown(value)}\n  {'  of real images':<30} {shown}"
        rows.append(row)
    return rows


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, dict):
        return ", ".join(
            f"{key} {'-' if each is None else format(each, '.3f')}" for key, each in value.items()
        )
    if isinstance(value, list):
        return ", ".join(_shown(each) for each in value) or "none"
    return str(value)
