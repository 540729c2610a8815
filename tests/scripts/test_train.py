"""scripts/train.sh: what it asks of the trainer, which is a stand-in here that prints it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command import ROOT

STAND_IN = """#!/usr/bin/env bash
case $1 in
  --help) ;;
  *) echo "$@" >>asked ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's folder with an environment that seems to be made."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    shutil.copy(ROOT / "requirements-dev.lock", tmp_path)
    tool = tmp_path / ".venv" / "bin" / "fashion-gan"
    tool.parent.mkdir(parents=True)
    tool.write_text(STAND_IN)
    tool.chmod(0o755)
    shutil.copy(ROOT / "requirements.lock", tmp_path / ".venv" / "installed.lock")
    return tmp_path


def asked(project: Path, *arguments: str) -> list[str]:
    """What the trainer is asked for, a line a call."""
    (project / "asked").unlink(missing_ok=True)
    subprocess.run([project / "scripts" / "train.sh", *arguments], check=True)
    return (project / "asked").read_text().splitlines()


def test_a_quick_start_prepares_the_data_and_trains_for_ten_minutes(project):
    assert asked(project) == ["prepare_data", "train --minutes=10 --job_dir=runs/quickstart"]


@pytest.mark.parametrize("length", [["--epochs=1"], ["--steps", "9"], ["-epochs=1"]])
def test_another_length_takes_the_place_of_the_ten_minutes(length, project):
    called = asked(project, *length, "--job_dir=runs/a", "--data_dir=here")
    assert called == [
        "prepare_data --data_dir=here",
        f"train --job_dir=runs/quickstart {' '.join(length)} --job_dir=runs/a --data_dir=here",
    ]


@pytest.mark.parametrize("dataset", ["fashion_mnist", "cifar10"])
def test_a_run_that_is_there_goes_on_by_its_own_recipe(dataset, project):
    run = project / "runs" / "mine"
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"dataset": dataset}))
    called = asked(project, "--job_dir=runs/mine")
    prepares = ["prepare_data"] if dataset == "fashion_mnist" else []
    assert called == [*prepares, "train --job_dir=runs/quickstart --job_dir=runs/mine"]
