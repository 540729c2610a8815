"""The record of evaluations: what a kill or another process does to it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from trainer.runs import evaluations


def line(step: int, against: str) -> dict[str, object]:
    return {"step": step, "against": against, "num": 10, "coverage": 0.5}


def cut_short(job_dir: Path) -> None:
    """Leaves half of the last line, as a kill does."""
    path = job_dir / "evaluations.jsonl"
    path.write_text(path.read_text()[:-20])


def test_a_line_that_was_cut_short_takes_no_other_with_it(tmp_path):
    for step in (1, 2):
        evaluations.add(tmp_path, line(step, evaluations.TEST))
    cut_short(tmp_path)

    evaluations.add(tmp_path, line(3, evaluations.TEST))

    assert [each["step"] for each in evaluations.read(tmp_path, evaluations.TEST)] == [1, 3]


def test_a_resume_removes_a_line_that_was_cut_short(tmp_path):
    for step in (1, 2):
        evaluations.add(tmp_path, line(step, evaluations.TRAIN))
    whole = (tmp_path / "evaluations.jsonl").read_text().splitlines(keepends=True)
    cut_short(tmp_path)

    evaluations.cut(tmp_path, 2)

    assert (tmp_path / "evaluations.jsonl").read_text() == whole[0]


def test_no_line_is_lost_to_a_resume_at_the_same_time(tmp_path):
    steps = range(100, 150)
    adding = threading.Thread(
        target=lambda: [evaluations.add(tmp_path, line(step, evaluations.TEST)) for step in steps]
    )
    adding.start()
    while adding.is_alive():
        evaluations.cut(tmp_path, 1)
        time.sleep(0.001)

    assert [each["step"] for each in evaluations.read(tmp_path, evaluations.TEST)] == list(steps)


def test_the_best_is_found_among_figures_that_compare(tmp_path):
    protocol = {"against": evaluations.TRAIN, "num": 10, "features_sha256": "1"}
    others = [{"features_sha256": "2"}, {"num": 20}, {"against": evaluations.TEST}]
    for step, other in enumerate([*others, {}, {"classifier_fid": 9.0}]):
        evaluations.add(
            tmp_path, {"step": step, "classifier_fid": float(step), **protocol, **other}
        )

    assert evaluations.best_step(tmp_path, protocol) == 3
    assert evaluations.best_step(tmp_path, protocol | {"num": 30}) is None
