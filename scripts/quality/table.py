"""docs/quality.json, the metrics and costs of each row, and docs/quality.md, their tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.distribution.environment import processor_name
from trainer.system import file_system

Row = dict[str, Any]

FOLDER = Path("docs", "quality")
_RECORD, _PAGE = FOLDER.with_suffix(".json"), FOLDER.with_suffix(".md")
_COSTS: dict[str, Callable[[Row], str]] = {
    "images": lambda row: f"{row['images']:,}",
    "CPU-minutes": lambda row: f"{row['cpu_minutes']:.1f}",
    "computed in": lambda row: row["computed_in"],
    "cores": lambda row: str(row["cores"]),
    "parameters G · D": lambda row: " · ".join(f"{each:,}" for each in row["parameters"]),
    "MMAC G · D": lambda row: " · ".join(f"{each / 1e6:.1f}" for each in row["multiply_adds"]),
}
_METRICS: dict[str, Callable[[Row], str]] = {
    "Fréchet": lambda row: _format(row["classifier_fid"], 2),
    "KID": lambda row: f"{_format(row['kid'], 3)} ± {_format(row['kid_deviation'], 3)}",
    "precision": lambda row: _format(row["precision"], 3),
    "recall": lambda row: _format(row["recall"], 3),
    "density": lambda row: _format(row["density"], 3),
    "coverage": lambda row: _format(row["coverage"], 3),
    "class accuracy": lambda row: _format(row["class_accuracy"], 3),
    "CAS": lambda row: _format(row["classification_accuracy_score"], 3),
    "missing": lambda row: ", ".join(row["missing_classes"]) or "none",
    "pixels": lambda row: _format(row["pixel_frechet_distance"], 2),
    "neighbours": lambda row: _format(row["neighbour_distance_ratio"], 2),
}
_HEAD = """# Quality, measured

Written by `./scripts/quality.sh`, which trains each row anew; rows are in
[quality.json](quality.json), too. A row is a preset and its budget in minutes of processor time,
over all cores: on two that are free it passes in half of the time. `fashion_before_styles` is
the preset `fashion` as it was: `--architecture=fashion`, rates of 9e-4. {machine}, one seed each.

10,000 fakes against the 10,000 test images, which no training sees. *Fréchet* is the distance of
FID between features of a Fashion-MNIST classifier of our own (SHA-256 `{digest}`): compare it with
no other FID. *real* are 10,000 training images in the place of fakes, which the classifiers know.
Class accuracy is the view of another classifier, which sees {correct:.3f} of the test images right;
CAS is the accuracy on real images of one that has learnt from the fakes alone; *pixels* is
Fréchet's distance of 64 principal components of the pixels; *neighbours* is the distance to the
nearest training image, divided by that of test images (copies: 0). A dash: the recipe takes no
labels. `fashion-gan evaluate` gives all of them for any run.

"""


def read() -> dict[str, Row]:
    """The rows made so far, by name."""
    return json.loads(_RECORD.read_text(encoding="utf-8")) if _RECORD.exists() else {}


def add(name: str, row: Row) -> None:
    """Adds a row and writes both files again."""
    rows = {**read(), name: row}
    file_system.write_text(_RECORD, json.dumps(rows, indent=1) + "\n")
    trained = {each: values for each, values in rows.items() if "images" in values}
    head = _HEAD.format(
        machine=f"{processor_name()}, TensorFlow {tf.__version__}",
        digest=row["features_sha256"][:16],
        correct=rows["real"]["judge_accuracy"],
    )
    pictures = [f"## {each}\n\n![samples](quality/{each}.png)\n" for each in trained]
    parts = [head, _table(_METRICS, rows), _table(_COSTS, trained), _speedup(trained), *pictures]
    file_system.write_text(_PAGE, "\n".join(parts))


def _speedup(rows: dict[str, Row]) -> str:
    """How much sooner `fashion` has the Fréchet distance of `dcgan` after 120 CPU-minutes."""
    baseline = "dcgan@120"
    if baseline not in rows:
        return ""
    distance, minutes = rows[baseline]["classifier_fid"], rows[baseline]["cpu_minutes"]
    as_near = [
        row
        for name, row in rows.items()
        if name.startswith("fashion@") and row["classifier_fid"] <= distance
    ]
    if not as_near:
        return f"No row of `fashion` is as near to the data as {baseline}.\n"
    first = min(as_near, key=lambda row: row["cpu_minutes"])
    return (
        f"`dcgan` has a Fréchet distance of {distance:.2f} after {minutes:.1f} minutes of "
        f"processor time, `fashion` one of {first['classifier_fid']:.2f} after "
        f"{first['cpu_minutes']:.1f}: as near at least {minutes // first['cpu_minutes']:.0f} times "
        "sooner. These are minutes of the whole command.\n"
    )


def _table(columns: dict[str, Callable[[Row], str]], rows: dict[str, Row]) -> str:
    lines = [["row", *columns], ["---"] * (1 + len(columns))]
    lines += [[name, *(cell(row) for cell in columns.values())] for name, row in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _format(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
