"""An evaluation's result as a table for people: figure, yours, real images', what is better."""

from __future__ import annotations

from typing import Any

_LESS, _MORE = "less", "more"
_BETTER = {
    "classifier_fid": _LESS,
    "fid": _LESS,
    "kid": _LESS,
    "precision": _MORE,
    "recall": _MORE,
    "density": _MORE,
    "coverage": _MORE,
    "class_accuracy": _MORE,
    "classification_accuracy_score": _MORE,
    "pixel_frechet_distance": _LESS,
    "attribute_accuracy": _MORE,
    "frechet_by_value": _LESS,
}
_REAL = {  # the key of what real images have, by the figure's
    "classifier_fid": "classifier_fid_floor",
    "fid": "fid_floor",
    "attribute_accuracy": "attribute_accuracy_real",
}
_REAL_BY_DEFINITION = {"density": "1", "neighbour_distance_ratio": "1 (copies 0)"}
_ROW = "  {:<30} {:<12} {:<14} {}"


def lines(result: dict[str, Any]) -> list[str]:
    """The rows; what is long stands alone, below its name."""
    rows = [_ROW.format("figure", "yours", "real images", "better")]
    for name, value in result.items():
        if name in _REAL.values():
            continue
        real = result.get(_REAL.get(name, ""))
        shown = _REAL_BY_DEFINITION.get(name, "") if real is None else _shown(real)
        better = _BETTER.get(name, "")
        row = _ROW.format(name, _shown(value), shown, better).rstrip()
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
