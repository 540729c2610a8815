"""The notebook in docs: its cells run one after the other, with a shorter training."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from tests.command import ROOT, run_forked

NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"
TRAINING = "--minutes=1"
SHORTER = (
    "--preset=mlp --conditional --noise_dim=64 --dataset=synthetic --steps=8 "
    "--evaluation_interval=0"
)
MEASURED, FEWER = "--num=1000", "--num=20"


def as_program(cell: str) -> str:
    """A cell in Python, whose last value is looked at, and closed if it is a picture's file."""
    *lines, last = cell.splitlines()
    looked_at = ["assert shown is not None", "getattr(shown, 'close', lambda: None)()"]
    return "\n".join([*lines, f"shown = {last}", *looked_at])


def run_in_shell(command: str) -> None:
    """A cell that is a command of the shell, in a forked child."""
    command, _, output = command.partition(" > ")
    program, *arguments = shlex.split(command)
    assert program == "fashion-gan"
    done = run_forked(*arguments)
    if output:
        Path(output).write_text(done.stdout)


def test_every_cell_runs(tmp_path):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] for cell in cells if cell["cell_type"] == "code")
    for longer in (TRAINING, MEASURED):
        assert "".join(code).count(longer) == 1
    scope: dict[str, object] = {}
    for cell in code:
        here = cell.replace("runs/notebook", f"{tmp_path}/runs/notebook")
        here = here.replace(TRAINING, SHORTER).replace(MEASURED, FEWER)
        if here.startswith("!"):
            run_in_shell(here[1:])
        else:
            exec(as_program(here), scope)
    assert (tmp_path / "runs" / "notebook" / "shoes.png").exists()
