"""scripts/scaling: what grows, by which power, and what the page says of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scripts.benchmark.contenders import by_size
from scripts.scaling import exponents, lengths, page
from scripts.scaling.axes import AXES
from tests.scripts.test_benchmark import MACHINE, answered
from trainer.data import feeding


def part(results: dict) -> dict:
    return {"command": "scaling x", "machine": MACHINE, "results": results}


def test_an_exponent_is_the_power_of_the_value():
    values = [1.0, 2.0, 8.0]
    assert exponents.exponent(values, [3 * value**1.5 for value in values]) == pytest.approx(1.5)
    assert exponents.exponent(values, [7, 7, 7]) == pytest.approx(0)
    assert np.isnan(exponents.exponent([1.0], [1.0]))


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("side", 1.9, 2.6),  # a larger picture has a doubling more, of more channels
        ("width", 1.3, 2.0),
        ("batch", 1, 1),
        ("attributes", 0, 0.01),
    ],
)
def test_multiplications_grow_as_theory_says(name, least, most):
    made = AXES[name].entries()
    values = list(map(int, made))
    assert values == sorted(set(values)) and len(values) > 2
    work = {value: {"multiply_adds": entry.multiply_adds} for value, entry in made.items()}
    assert least - 1e-9 <= exponents.of_work(work) <= most + 1e-9


@pytest.mark.parametrize("streamed", [False, True])
def test_a_set_of_any_size_is_trained_on(streamed, monkeypatch):
    monkeypatch.setattr(feeding, "RESIDENT_BYTES", feeding.RESIDENT_BYTES)
    made = AXES["streamed" if streamed else "resident"].entries()["10000"]
    options = {**made.options, "number": 40}

    train = by_size.prepare(np.zeros(0), 8, "float32", **options)

    assert np.isfinite(train(2))


@pytest.mark.slow
def test_a_run_is_taken_up_for_a_step_more(tmp_path):
    (answer,) = lengths.measure(tmp_path, (8,)).values()
    assert min(answer.values()) > 0


def test_the_page_has_both_exponents_and_the_reasons(tmp_path):
    doubled = {
        str(value): answered([3 * value, 6 * value, 6 * value], 10 * value**2)
        for value in (1, 2, 4)
    }
    failed = {"8": {**answered([], 640), "reason": "it | broke"}}
    record = tmp_path / "scaling.json"
    page.add(record, "batch", part({**doubled, **failed}))
    run = {
        "seconds": 100.4,
        "resumed_seconds": 9.87,
        "metrics_bytes": 12_345,
        "event_bytes": 1e6,
        "checkpoint_bytes": 2e6,
        "others_bytes": 3e6,
    }
    page.add(record, page.LENGTH, part({"1000": run}))

    text = record.with_suffix(".md").read_text()
    assert "| Batch | 2.00 | 1.00 |" in text
    assert "| 4 | 8,000.0 | 25 | 2,000 | 700 |" in text
    assert r"not measured: it \| broke" in text
    assert "| 1,000 | 100 | 9.9 | 12 | 1,000 | 2,000 | 3,000 |" in text
    assert (tmp_path / "scaling_wood.png").stat().st_size > 1000
    assert json.loads(record.read_text())["wood"]["batch"]["results"]["2"] == doubled["2"]
