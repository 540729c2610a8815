"""docs/quality.md: adding a row keeps the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.quality import __main__ as quality
from scripts.quality import table

METRICS = {
    "features_sha256": "abcdef0123456789abcdef",
    "classifier_fid": 12.345,
    "kid": 0.5,
    "kid_deviation": 0.1,
    "precision": 0.9,
    "recall": 0.8,
    "density": 1.1,
    "coverage": 0.7,
    "class_accuracy": 0.95,
    "classification_accuracy_score": 0.85,
    "missing_classes": [],
    "pixel_frechet_distance": 3.21,
    "neighbour_distance_ratio": 1.02,
}
COSTS = {
    "images": 180_000,
    "cpu_minutes": 15.04,
    "processor": "AMD EPYC",
    "computed_in": "float32",
    "cores": 2,
    "parameters": [1_000_000, 500],
    "multiply_adds": [13_874_304, 6_122_880],
}


def test_the_page_shows_all_rows_that_were_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table.add("real", {**METRICS, "judge_accuracy": 0.9219})
    unlabelled = {"class_accuracy": None, "missing_classes": ["bag", "boot"]}

    table.add("dcgan@15", {**METRICS, **COSTS, **unlabelled})

    assert table.read().keys() == {"real", "dcgan@15"}
    page = Path("docs/quality.md").read_text()
    assert "which sees 0.922 of the test images right" in page
    assert "| real | 12.35 |" in page or "| real | 12.34 |" in page
    assert "- | 0.850 | bag, boot | 3.21 | 1.02 |" in page
    costs = "| dcgan@15 | 1 | 180,000 | 15.0 | AMD EPYC | float32 | 2 | 1,000,000 · 500 |"
    assert f"{costs} 13.9 · 6.1 |" in page
    assert "![samples](quality/dcgan@15.png)" in page and "real.png" not in page


def test_the_page_says_how_much_sooner_fashion_has_the_distance_of_dcgan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table.add("real", {**METRICS, "judge_accuracy": 0.9219})
    for name, distance, minutes in [
        ("fashion@2", 101, 2.5),
        ("fashion@5", 99, 5),
        ("fashion@10", 16, 10),
        ("dcgan@120", 100, 120),
    ]:
        row = {**METRICS, **COSTS, "classifier_fid": distance, "cpu_minutes": minutes}
        table.add(name, row)

    page = Path("docs/quality.md").read_text()

    assert "100.00 after 120.0 minutes" in page and "99.00 after 5.0: as near" in page
    assert "at least 24 times sooner" in page


def test_a_row_of_several_seeds_shows_their_median_and_how_far_they_differ(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table.add("real", {**METRICS, "judge_accuracy": 0.9219})
    for name, distance, missing in [
        ("fashion@2", 101, []),
        ("fashion@2-seed1", 99, ["boot"]),
        ("fashion@2-seed2", 106, ["bag"]),
    ]:
        row = {**METRICS, **COSTS, "classifier_fid": distance, "missing_classes": missing}
        table.add(name, row)

    page = Path("docs/quality.md").read_text()

    assert "| fashion@2 | 101.00 (99.00 to 106.00) |" in page and "bag, boot" in page
    assert "| fashion@2 | 3 | 180,000 | 15.0 (15.0 to 15.0) |" in page
    assert "seed1" not in page


def test_another_seed_is_of_a_row_that_is_there_and_of_its_flags(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="make wide@2 first"):
        quality.make_row("wide@2-seed1", [])
    table.add("real", {**METRICS, "judge_accuracy": 0.9219})
    table.add("wide@2", {**METRICS, **COSTS, "flags": "--preset=fashion --width=48"})
    with pytest.raises(SystemExit, match=r"other flags \(--preset=fashion --width=48\)"):
        quality.make_row("wide@2-seed1", ["--preset=fashion"])
