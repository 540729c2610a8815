"""evaluations.jsonl: kills, concurrent processes, the best step."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from trainer import run_layout
from trainer.configuration import flags, step_counts
from trainer.runs import evaluations, tags


def result(step: int, against: str) -> dict[str, object]:
    return {"step": step, "against": against, "num": 10, "coverage": 0.5}


def truncate_last_line(job_dir: Path) -> None:
    """Leaves an incomplete last line, as a kill does."""
    path = job_dir / "evaluations.jsonl"
    path.write_text(path.read_text()[:-20])


def test_a_line_after_an_incomplete_one_is_readable(tmp_path):
    for step in (1, 2):
        evaluations.add(tmp_path, result(step, evaluations.TEST))
    truncate_last_line(tmp_path)

    evaluations.add(tmp_path, result(3, evaluations.TEST))

    assert [each["step"] for each in evaluations.read(tmp_path, evaluations.TEST)] == [1, 3]


def test_a_resume_removes_an_incomplete_line(tmp_path):
    for step in (1, 2):
        evaluations.add(tmp_path, result(step, evaluations.TRAIN))
    lines = (tmp_path / "evaluations.jsonl").read_text().splitlines(keepends=True)
    truncate_last_line(tmp_path)

    evaluations.trim(tmp_path, 2)

    assert (tmp_path / "evaluations.jsonl").read_text() == lines[0]


def test_no_line_is_lost_to_a_concurrent_resume(tmp_path):
    steps = range(100, 150)
    adding = threading.Thread(
        target=lambda: [evaluations.add(tmp_path, result(step, evaluations.TEST)) for step in steps]
    )
    adding.start()
    while adding.is_alive():
        evaluations.trim(tmp_path, 1)
        time.sleep(0.001)

    assert [each["step"] for each in evaluations.read(tmp_path, evaluations.TEST)] == list(steps)


def test_the_best_step_is_chosen_among_comparable_evaluations(tmp_path):
    protocol = {"against": evaluations.TRAIN, "num": 10, "features_sha256": "1"}
    others = [{"features_sha256": "2"}, {"num": 20}, {"against": evaluations.TEST}]
    for step, other in enumerate([*others, {}, {"classifier_fid": 9.0}]):
        evaluations.add(
            tmp_path, {"step": step, "classifier_fid": float(step), **protocol, **other}
        )

    recipe = flags.train(["train", "--job_dir=x"]).recipe
    assert evaluations.best(tmp_path, recipe, protocol) == (3, 3.0)
    assert evaluations.best(tmp_path, recipe, protocol | {"num": 30}) is None
    assert evaluations.best(tmp_path, recipe, protocol, among=[2, 4]) == (4, 9.0)
    assert evaluations.distances(tmp_path) == [(3, 3.0), (4, 9.0)]


def test_networks_that_still_grow_are_not_the_best(tmp_path):
    growing = ("--grow_from=7", "--grow_images=3200", "--fade_images=3200")
    recipe = flags.train(["train", "--job_dir=x", "--preset=stylegan", *growing]).recipe
    whole = step_counts.full_grown_step(recipe)
    for step, distance in ((whole - 1, 1.0), (whole, 4.0), (whole + 1, 3.0)):
        line = {"step": step, "against": evaluations.TRAIN, "num": 10, "features_sha256": "1"}
        evaluations.add(tmp_path, {**line, "classifier_fid": distance})

    assert evaluations.best(tmp_path, recipe) == (whole + 1, 3.0)
    assert len(evaluations.distances(tmp_path)) == 3


def test_bytes_that_are_no_text_do_not_keep_a_result_out(tmp_path):
    (tmp_path / "evaluations.jsonl").write_bytes(b"\xff\xfe\n")
    evaluations.add(tmp_path, {"step": 1, "against": evaluations.TEST, "coverage": 0.5})
    assert [each["coverage"] for each in evaluations.read(tmp_path, evaluations.TEST)] == [0.5]


def test_results_that_were_got_otherwise_have_curves_of_their_own(tmp_path):
    usual = {"num": 10_000, "seed": 0, "features": "fashion", "features_sha256": "0f"}
    given = [{"seed": 3}, {}, {"num": 20, "features": "own"}, {"features_sha256": "01234567890"}]
    for step, others in enumerate(given):
        evaluations.add(tmp_path, {**result(step, evaluations.TEST), **usual, **others})
    evaluations.add(tmp_path, {**result(9, evaluations.TEST), **usual, "judge_sha256": "2a"})

    board = EventAccumulator(str(tmp_path / run_layout.EVALUATION_EVENTS), {"tensors": 0}).Reload()
    points = {tag: [each.step for each in board.Tensors(tag)] for tag in board.Tags()["tensors"]}
    assert points == {
        "test (seed 3)/coverage": [0],
        "test/coverage": [1, 9],
        "test (num 20, features own)/coverage": [2],
        "test (features_sha256 01234567890)/coverage": [3],
    }
    shown = re.compile(f"^{tags.pattern('test/coverage')}$")
    assert all(map(shown.match, points)) and not shown.match("test/recall")
    described = [board.SummaryMetadata(tag).summary_description for tag in points]
    assert len(set(described)) == 1 and "higher is better" in described[0]
