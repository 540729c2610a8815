"""The runs of a folder, compared."""

from __future__ import annotations

import shutil

import pytest
from PIL import Image

from trainer.commands import runs
from trainer.configuration.config import RunsConfig
from trainer.runs import checkpoint_files, evaluations
from trainer.system import file_system
from trainer.system.exits import RefusedError


def test_runs_are_listed_with_how_far_and_how_good_they_are(finished, tmp_path, capsys):
    for name in ("a", "deep/b", "c"):
        shutil.copytree(finished, tmp_path / name)
    (tmp_path / "deep/b/results/final.png").unlink()
    (tmp_path / "c/config.json").write_text("half of it")
    (tmp_path / "another").mkdir()
    (tmp_path / "another/config.json").write_text("{}")  # of another program
    shutil.copytree(finished, tmp_path / "d")
    (tmp_path / "d/metrics.jsonl").unlink()
    (tmp_path / "d/metrics.jsonl").mkdir()
    for step, distance in ((60, 9.0), (90, 7.5), (130, 8.25)):
        result = {"step": step, "against": "train", "classifier_fid": distance}
        evaluations.add(tmp_path / "a", result)

    with file_system.locked(tmp_path / "deep/b", "job_dir"):
        runs.run(RunsConfig(tmp_path, plot=True))

    *rows, picture = capsys.readouterr().out.splitlines()
    assert [row.split() for row in rows[1:]] == [
        ["a", "mlp", "130", "130", "8320", "7.50", "8.25", "complete"],
        ["c", "-", "0", "0", "0", "-", "-", "damaged"],
        ["d", "-", "0", "0", "0", "-", "-", "damaged"],
        ["deep/b", "mlp", "130", "130", "8320", "-", "-", "running"],
    ]
    assert picture == str(tmp_path / "curves.png")
    with Image.open(picture) as drawn:
        assert drawn.size[0] == 960 and drawn.size[1] > 720  # the names below


def test_a_run_that_has_stopped_has_come_as_far_as_its_newest_checkpoint(
    finished, tmp_path, capsys
):
    shutil.copytree(finished, tmp_path / "a")
    (tmp_path / "a" / "results" / "final.png").unlink()
    for path in (tmp_path / "a" / "checkpoints").glob("ckpt-130*"):
        path.unlink()

    runs.run(RunsConfig(tmp_path, plot=True))

    (row, _) = capsys.readouterr().out.splitlines()[1:]
    step = checkpoint_files.newest(tmp_path / "a" / "checkpoints")
    assert 0 < step < 130
    assert row.split()[2:5] == [str(step), "130", str(64 * step)] and row.endswith("stopped")


def test_linked_runs_are_seen_and_many_are_drawn_apart(finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path / "elsewhere")
    (tmp_path / "runs").mkdir()
    for number in range(12):
        (tmp_path / "runs" / f"r{number:02}").symlink_to(tmp_path / "elsewhere")
    shutil.copytree(finished, tmp_path / "runs" / "own")
    (tmp_path / "runs" / "own" / "round").symlink_to(tmp_path / "runs")

    runs.run(RunsConfig(tmp_path / "runs", plot=True))

    named = [row.split()[0] for row in capsys.readouterr().out.splitlines()[1:-1]]
    assert named == ["own", "r00"]  # each once
    runs.run(RunsConfig(tmp_path / "runs" / "own", plot=False))
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "own"


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(RefusedError, match="holds no runs: train one"):
        runs.run(RunsConfig(tmp_path, plot=False))
