"""docs/quality.json, the metrics and costs of each row, and docs/quality.md, their tables."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.system import file_system

Row = dict[str, Any]

SEED = "-seed"  # in a row's name, before its seed; a name without has the seed 0

FOLDER = Path("docs", "quality")
_RECORD, _PAGE = FOLDER.with_suffix(".json"), FOLDER.with_suffix(".md")


def _number(key: str, digits: int) -> Callable[[list[Row]], str]:
    """A cell that shows a number of rows that differ by their seeds."""
    return lambda rows: _over_seeds([row[key] for row in rows], digits)


_COSTS: dict[str, Callable[[list[Row]], str]] = {
    "seeds": lambda rows: str(len(rows)),
    "images": lambda rows: f"{rows[0]['images']:,}",
    "CPU-minutes": _number("cpu_minutes", 1),
    "processor": lambda rows: _in_words({row["processor"] for row in rows}),
    "computed in": lambda rows: rows[0]["computed_in"],
    "cores": lambda rows: str(rows[0]["cores"]),
    "parameters G · D": lambda rows: " · ".join(f"{each:,}" for each in rows[0]["parameters"]),
    "MMAC G · D": lambda rows: " · ".join(f"{each / 1e6:.1f}" for each in rows[0]["multiply_adds"]),
}
_METRICS: dict[str, Callable[[list[Row]], str]] = {
    "Fréchet": _number("classifier_fid", 2),
    "KID": lambda rows: f"{_number('kid', 3)(rows)} ± {_most(rows, 'kid_deviation')}",
    "precision": _number("precision", 3),
    "recall": _number("recall", 3),
    "density": _number("density", 3),
    "coverage": _number("coverage", 3),
    "class accuracy": _number("class_accuracy", 3),
    "CAS": _number("classification_accuracy_score", 3),
    "missing": lambda rows: _in_words({each for row in rows for each in row["missing_classes"]}),
    "pixels": _number("pixel_frechet_distance", 2),
    "neighbours": _number("neighbour_distance_ratio", 2),
}
_HEAD = """# Quality, measured

Written by `./scripts/quality.sh`, which makes the rows that [quality.json](quality.json) lacks. A
row is a preset and its budget in minutes of processor time, over all cores; `fashion` takes as
many steps as `fashion_projection` was found to have time for, and what it took stands in the second
table. A budget may be a number of images. `fashion_projection` is the preset `fashion` as it was
when labels were told by `--classifier=projection --classification=.03`, `fashion_short_average`
that with `--ema_half_life=40000`, `fashion_before_styles` the preset before it had styles and a
loss of labels, at rates of 9e-4, and `stylegan_transposed` the preset `stylegan` as it was when its
images had a mesh: the flags of all four stand in the file.
TensorFlow {tensorflow}. One seed each, or, where *seeds* says so, several of as many steps: then
the median, the least and the most in brackets, KID's largest deviation, and the pictures are those
of the first.

10,000 fakes against the 10,000 test images, which no training sees. *Fréchet* is the distance of
FID between features of a Fashion-MNIST classifier of our own (SHA-256 `{digest}`): compare it with
no other FID. *real* are 10,000 training images in the place of fakes, which the classifiers know.
Class accuracy is the view of another classifier, which sees {correct:.3f} of the test images right;
CAS is the accuracy on real images of one that has learnt from the fakes alone; *pixels* is
Fréchet's distance of 64 principal components of the pixels; *neighbours* is the distance to the
nearest training image, divided by that of test images (copies: 0). Precision and recall count five
neighbours, as density and coverage do, where their paper has three. A dash: the recipe takes no
labels. `fashion-gan evaluate` gives all of them for any run.

"""


def read() -> dict[str, Row]:
    """The rows made so far, by name."""
    return json.loads(_RECORD.read_text(encoding="utf-8")) if _RECORD.exists() else {}


def add(name: str, row: Row) -> None:
    """Adds a row and writes both files again."""
    file_system.write_text(_RECORD, json.dumps({**read(), name: row}, indent=1) + "\n")
    write_page()


def write_page() -> None:
    """Writes the tables of all rows."""
    rows = read()
    named = _by_name(rows)
    trained = {each: seeds for each, seeds in named.items() if "images" in seeds[0]}
    head = _HEAD.format(
        tensorflow=tf.__version__,
        digest=rows["real"]["features_sha256"][:16],
        correct=rows["real"]["judge_accuracy"],
    )
    pictures = [f"## {each}\n\n![samples](quality/{each}.png)\n" for each in trained]
    parts = [head, _table(_METRICS, named), _table(_COSTS, trained), _speedup(trained), *pictures]
    file_system.write_text(_PAGE, "\n".join(parts))


def _by_name(rows: dict[str, Row]) -> dict[str, list[Row]]:
    """The rows of all seeds by the name that they share; in the order of the first ones."""
    named: dict[str, list[Row]] = {}
    for name, row in rows.items():
        named.setdefault(name.partition(SEED)[0], []).append(row)
    return named


def _speedup(named: dict[str, list[Row]]) -> str:
    """How much sooner `fashion` has the Fréchet distance of `dcgan` after 120 CPU-minutes."""
    baseline = "dcgan@120"
    if baseline not in named:
        return ""
    medians = {
        name: {key: _median(seeds, key) for key in ("classifier_fid", "cpu_minutes")}
        for name, seeds in named.items()
        if name == baseline or name.startswith("fashion@")
    }
    distance, minutes = medians.pop(baseline).values()
    as_near = [row for row in medians.values() if row["classifier_fid"] <= distance]
    if not as_near:
        return f"No row of `fashion` is as near to the data as {baseline}.\n"
    first = min(as_near, key=lambda row: row["cpu_minutes"])
    return (
        f"`dcgan` has a Fréchet distance of {distance:.2f} after {minutes:.1f} minutes of "
        f"processor time, `fashion` one of {first['classifier_fid']:.2f} after "
        f"{first['cpu_minutes']:.1f}: as near at least {minutes // first['cpu_minutes']:.0f} times "
        "sooner. These are minutes of the whole command, on the processors that are named above.\n"
    )


def _table(columns: dict[str, Callable[[list[Row]], str]], named: dict[str, list[Row]]) -> str:
    lines = [["row", *columns], ["---"] * (1 + len(columns))]
    lines += [[name, *(cell(seeds) for cell in columns.values())] for name, seeds in named.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _over_seeds(values: list[float | None], digits: int) -> str:
    """The median, and of several the least and the most; a dash where nothing was measured."""
    measured = [value for value in values if value is not None]
    if not measured:
        return "-"
    shown = (statistics.median(measured), min(measured), max(measured))
    median, *ends = (f"{value:.{digits}f}" for value in shown)
    return median if len(measured) == 1 else f"{median} ({' to '.join(ends)})"


def _median(rows: list[Row], key: str) -> float:
    return statistics.median(row[key] for row in rows)


def _most(rows: list[Row], key: str) -> str:
    measured = [row[key] for row in rows if row[key] is not None]
    return f"{max(measured):.3f}" if measured else "-"


def _in_words(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
