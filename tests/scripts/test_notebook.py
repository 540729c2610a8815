"""The notebook in docs: its cells run one after the other, with a shorter training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.command import ROOT

NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"
TRAINING = "--minutes=1"
SHORTER = (
    "--preset=mlp --conditional --noise_dim=64 --dataset=synthetic --steps=8 "
    "--evaluation_interval=0"
)
MEASURED, FEWER = "--num=1000", "--num=20"


def as_program(cell: str) -> str:
    """A cell in Python: a command of the shell as the notebook runs it, its last value kept."""
    if cell.startswith("!"):
        return f"import subprocess; subprocess.run({cell[1:]!r}, shell=True, check=True)"
    *lines, last = cell.splitlines()
    return "\n".join([*lines, f"shown = {last}", "assert shown is not None"])


def test_every_cell_runs(tmp_path):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] for cell in cells if cell["cell_type"] == "code")
    whole = "\n".join(map(as_program, code))
    assert whole.count(TRAINING) == whole.count(MEASURED) == 1
    whole = whole.replace(TRAINING, SHORTER).replace(MEASURED, FEWER)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        [sys.executable, "-c", whole], cwd=tmp_path, env={**os.environ, "PATH": path}, check=True
    )
    assert (tmp_path / "runs" / "notebook" / "shoes.png").exists()
