"""scripts/benchmark: who takes turns, who is listed with a reason, what the page says."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from scripts.benchmark import __main__, around, entries, page, rounds, work
from scripts.benchmark import record as kept
from scripts.benchmark.settings import Settings
from trainer import run_layout
from trainer.configuration import flags, presets
from trainer.gan.training_step import METRICS
from trainer.monitoring.model_monitor import ModelMonitor

SETTINGS = Settings(
    rounds=2,
    steps=3,
    seconds=0.05,
    threads=1,
    device="cpu",
    contenders=(),
    images=100,
    run_steps=10,
)
MACHINE = {
    "kind": "wood",
    "processor": "abacus",
    "device": "cpu",
    "bfloat16": False,
    "cores": 2,
    "threads": 1,
    "memory_gib": 1.0,
    "system": "Linux",
    "load_before": 0.0,
    "versions": {"python": "3", "tensorflow": "2"},
}
ALIKE = "1.00 (1.00 to 1.00)"


def part(results: dict) -> dict:
    return {"command": "benchmark x", "machine": MACHINE, "rounds": 2, "results": results}


def answered(seconds: list[float], multiply_adds: int, precision: str = "float32") -> dict:
    """What three steps a round of 200 images took, had they taken so long."""
    answers = [
        {"seconds": each, "cpu_seconds": 6, "memory_mib": 700, "loss": 1} for each in seconds
    ]
    return {
        "precision": precision,
        "batch_size": 200,
        "images_a_step": 200,
        "multiply_adds": multiply_adds,
        "without_margins": multiply_adds // 2,
        "what": "somebody",
        "steps": 3,
        "first_step_seconds": 7.2,
        "rounds": answers,
    }


def rows(text: str) -> dict[str, list[str]]:
    """The page's table rows by their first cell."""
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {first: others for first, *others in cells}


@pytest.mark.slow
def test_all_take_turns_and_who_cannot_is_listed_with_the_reason(data_dir, tmp_path):
    small = ["--preset=mlp", "--batch_size=8"]
    alone = entries.ours(*small, steps=3)
    two = {"given": [*small, "--virtual_devices=2"]}
    compared = {
        "ours": alone,
        "ours_2_devices": dataclasses.replace(alone, options=two),
        "pytorch": dataclasses.replace(alone, module="nobody"),
    }

    results = rounds.measure(compared, SETTINGS)
    page.add(tmp_path / "performance.json", "contenders", part({"float32": results}))

    for name in ("ours", "ours_2_devices"):
        assert len(results[name]["rounds"]) == SETTINGS.rounds
        assert results[name]["steps"] == 3
        for answer in results[name]["rounds"]:
            assert answer["seconds"] > 0 and answer["cpu_seconds"] > 0
            assert 100 < answer["memory_mib"] < 10_000 and answer["loss"] > 0
    # One replica or two train the same.
    assert results["ours"]["rounds"][-1]["loss"] == pytest.approx(
        results["ours_2_devices"]["rounds"][-1]["loss"], rel=1e-3
    )
    assert "No module named 'scripts.benchmark.contenders.nobody'" in results["pytorch"]["reason"]
    record = json.loads((tmp_path / "performance.json").read_text())
    assert record["wood"]["contenders"]["results"]["float32"] == results
    lines = rows((tmp_path / "performance.md").read_text())
    listed = {name.split(":")[0]: cells for name, cells in lines.items() if ":" in name}
    assert listed.keys() == compared.keys()
    assert listed["pytorch"][0].startswith("not measured: ModuleNotFoundError")
    assert listed["ours"][1] == ALIKE


def test_the_page_s_ratios_and_shares_follow_from_the_record(tmp_path):
    results = {
        "gemm 1024 float32": answered([3, 1, 2], 500_000_000),
        "gemm 2048 float32": answered([4, 4, 4], 500_000_000),
        "ours": answered([2, 3, 1], 400_000_000),
        "jax": answered([5, 4, 3], 400_000_000),
        "eager": {"precision": "float32", "what": "slow", "reason": "it | broke"},
    }

    page.add(tmp_path / "speed.json", "contenders", part({"float32": results}))

    text = (tmp_path / "speed.md").read_text()
    assert "float32: 2 GFLOP/s, at 1024 x 1024" in text  # 1.5, rounded to even
    lines = {name.split(":")[0]: cells for name, cells in rows(text).items()}
    assert lines["ours"] == ["300 (200 to 600)", ALIKE, "80%", "40%", "10.00", "700", "7 s"]
    assert lines["jax"][:4] == ["150 (120 to 200)", "0.40 (0.33 to 0.75)", "40%", "20%"]
    assert "ours: somebody" in text
    assert lines["eager"] == [r"not measured: it \| broke"]
    assert (
        "abacus without instructions for bfloat16, 1 of 2 cores" in text
        and "`benchmark x`; rounds: 2" in text
    )


def test_presets_have_their_own_precision_s_peak_and_batches_their_preset_s_columns(tmp_path):
    record = tmp_path / "performance.json"
    presets = {
        "gemm 1024 float32": answered([1], 100_000_000),
        "gemm 1024 bfloat16": answered([1], 200_000_000, "bfloat16"),
        "mlp": answered([1], 50_000_000),
        "fashion": answered([1], 50_000_000, "bfloat16"),
    }
    sizes = {"32": answered([3], 1), "64": {"precision": "float32", "reason": "too large"}}

    page.add(record, "presets", part(presets))
    page.add(record, "batches", part({"dcgan": sizes, "fashion": sizes}))

    lines = rows(record.with_suffix(".md").read_text())
    mlp, fashion = (
        "600 (600 to 600) | 0 | 50% | 25% | 700",
        "600 (600 to 600) | 0 | 25% | 12% | 700",
    )
    assert lines["mlp"] == ["float32", "200", *mlp.split(" | ")]
    assert lines["fashion"] == ["bfloat16", "200", *fashion.split(" | ")]
    of_one = ["1,000.0 (1,000.0 to 1,000.0)", "200", "700"]
    assert lines["32"] == 2 * of_one
    assert lines["64"][::3] == 2 * ["not measured: too large"]


def test_sizes_have_their_feeding_as_a_share_of_their_step(tmp_path):
    record = tmp_path / "performance.json"
    step, feeding = answered([20], 10_000_000_000), answered([1], 0)
    measured = {f"step {where}": step for where in ("resident", "streamed")}
    measured |= {"feeding resident": answered([0.1], 0), "feeding streamed": feeding}
    failed = {**measured, "step streamed": {"precision": "float32", "reason": "too large"}}

    page.add(record, "sizes", part({"64": measured, "128": failed}))

    lines = rows(record.with_suffix(".md").read_text())
    speeds = 2 * ["30.0 (30.0 to 30.0)"]
    assert lines["64"] == ["200", "0.10", *speeds, "0.50%", "5.00%", "700", "7 s"]
    assert lines["128"][1] == "not measured: too large"


def test_what_styles_cost_is_a_share_of_the_time_without_them(tmp_path):
    record = tmp_path / "performance.json"
    measured = {
        "gemm 1024 float32": answered([1], 100_000_000),
        "28 fashion": answered([2], 100_000_000),
        "28 style": answered([3], 100_000_000),
        "64 fashion": {"precision": "float32", "reason": "too large"},
    }

    page.add(record, "styles", part(measured))

    lines = record.with_suffix(".md").read_text().splitlines()
    assert (
        "| 28 | fashion | float32 | 1 | 300 (300 to 300) | 1.00 (1.00 to 1.00) | 50% | 25% |"
        in lines
    )
    assert (
        "| 28 | style | float32 | 1 | 200 (200 to 200) | 1.50 (1.50 to 1.50) | 33% | 17% |" in lines
    )
    assert "| 64 | fashion | float32 | not measured: too large |" in "\n".join(lines)


def test_a_part_that_is_measured_again_replaces_itself_alone(tmp_path):
    record = tmp_path / "performance.json"
    loops = [
        {"steps": 9, "training_seconds": 9.0, "other_seconds": 0.5, "due": []},
        {"steps": 9, "training_seconds": 9.0, "other_seconds": 1.5, "due": ["save"]},
    ]
    run = {"seconds": 30.0, "first_step_seconds": 5.0, "memory_mib": 900.0, "cpu_seconds": 31.0}
    generated = {"images": 164, "few": 64, "dcgan": [{"few": run, "many": {**run, "seconds": 40}}]}
    page.add(record, "generation", part(generated))
    of_run = {"run": run, "steps": 18, "steps_between_saves": 9}
    page.add(record, "around", part({**of_run, "loops": loops[:1]}))

    page.add(record, "around", part({**of_run, "loops": loops}))

    lines = rows(record.with_suffix(".md").read_text())
    assert lines["training"] == ["2", "18.0", "90.00%"]
    assert lines["save"] == ["1", "1.5", "7.50%"]
    assert lines["dcgan"][:3] == ["30.0 (30.0 to 30.0)", "4 (4 to 4)", "10 (10 to 10)"]
    assert kept.read(record)["wood"].keys() == {"generation", "around"}


def test_a_kind_of_machine_is_kept_beside_others(tmp_path):
    record = tmp_path / "performance.json"
    answers = {"float32": {"ours": answered([1.0, 1.0], 10**9)}}
    for kind in ("wood", "iron"):
        measured = part(answers)
        page.add(record, "contenders", {**measured, "machine": {**MACHINE, "kind": kind}})
    assert list(kept.read(record)) == ["wood", "iron"]
    text = record.with_suffix(".md").read_text()
    assert text.index("# On wood") < text.index("# On iron")
    assert text.count("## The same network, trained by others") == 2


def test_a_run_s_time_is_divided_up_by_its_records(tmp_path):
    given = ["--batch_size=10", "--steps=20", "--checkpoint_interval=4", f"--job_dir={tmp_path}"]
    config = flags.train(["train", "--preset=mlp", *given])
    black = np.zeros((8, 8, 1), np.uint8)
    metrics = dict.fromkeys(METRICS, 1.0)
    with contextlib.closing(
        ModelMonitor(tmp_path, config.recipe, lambda: black, lambda: {}, [])
    ) as monitor:
        monitor.record(1, metrics, steps_per_second=3)  # the tracing one
        monitor.record(4, metrics, steps_per_second=60)
        monitor.record(9, metrics, steps_per_second=50)
    record_at(tmp_path / run_layout.TRAINING_EVENTS, {1: 100.0, 4: 100.25, 9: 101.0})

    found = around.loops(config)

    assert [each["steps"] for each in found] == [3, 5]
    assert [each["training_seconds"] for each in found] == pytest.approx([0.05, 0.1])
    assert [each["due"] for each in found] == [[], ["save"]]
    assert [each["other_seconds"] for each in found] == pytest.approx([0.2, 0.65])


def record_at(folder: Path, times: dict[int, float]) -> None:
    """Changes when the steps of event files were recorded, as if they had been then."""
    for path in folder.iterdir():
        raw = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        with tf.io.TFRecordWriter(str(path)) as writer:
            for event in map(tf.compat.v1.Event.FromString, raw):
                event.wall_time = times.get(event.step, event.wall_time)
                writer.write(event.SerializeToString())


def test_the_work_of_an_update_is_that_of_its_layers():
    def of(*given: str) -> int:
        return work.multiply_adds(flags.train(["train", "--job_dir=unused", *given]).recipe)

    generator = 100 * 12544 + 49 * 25 * (256 * 128 + 128 * 64) + 14 * 14 * 25 * 64
    discriminator = 14 * 14 * 25 * 64 + 49 * 25 * 64 * 128 + 49 * 128
    both = ("--preset=dcgan", "--batch_size=10")
    assert of(*both) == 10 * (3 * generator + 6 * discriminator)
    assert of(*both, "--update=alternating") == 10 * (4 * generator + 8 * discriminator)
    penalised = of(*both, "--r1=1", "--penalty_interval=2")
    assert penalised == 10 * (3 * generator + 9 * discriminator)


def test_the_work_inside_leaves_out_what_margins_are_multiplied_with():
    recipe = flags.train(["train", "--job_dir=unused", "--preset=dcgan", "--batch_size=10"]).recipe

    # Along a side, windows of 5 meet 29 of 7 pixels at each step, 32 of 14 at every second one,
    # and 67 of 28; each generator's convolution goes the other way.
    far, half, whole = 29**2, 32**2, 67**2
    generator = 100 * 12544 + far * 256 * 128 + half * 128 * 64 + whole * 64
    discriminator = whole * 64 + half * 64 * 128 + 49 * 128
    assert work.without_margins(recipe) == 10 * (3 * generator + 6 * discriminator)


@pytest.mark.parametrize("preset", presets.names())
def test_every_preset_multiplies_less_inside_than_in_all(preset):
    entry = entries.ours(f"--preset={preset}")
    assert 0.5 * entry.multiply_adds < entry.without_margins <= entry.multiply_adds


def test_every_part_that_can_be_asked_for_can_be_measured_and_has_its_section():
    for module, function in __main__.PARTS.values():
        assert callable(getattr(importlib.import_module(f"scripts.benchmark.{module}"), function))
    assert page.SECTIONS.keys() == __main__.PARTS.keys()


def test_a_part_that_there_is_not_is_refused(capsys):
    with pytest.raises(SystemExit) as refused:
        __main__.main(["contender", "--output=unused"])

    assert refused.value.code == 2
    assert "contender is not known: there are contenders, presets" in capsys.readouterr().err
    assert not Path("unused").exists()
