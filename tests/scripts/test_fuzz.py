"""A few cases of the fuzzer, and that it would notice a defect."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.checks import fuzz
from tests.command import ROOT


def test_no_odd_input_is_a_defect(tmp_path):
    # By that seed one of each kind.
    done = subprocess.run(
        [sys.executable, "-m", "scripts.checks.fuzz", tmp_path, "--cases=4", "--seed=33"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "4 cases" in done.stdout
    for kind in ("flag set", "path", "pictures", "run directory"):
        assert kind in done.stdout


@pytest.mark.parametrize(
    ("said", "status", "late", "verdict"),
    [
        ("fashion-gan train: no\n", 64 << 8, False, "refused"),
        ("", 0, False, "done"),
        ("", 64 << 8, False, "refused without a word"),
        ("Traceback (most recent call last)", 0, False, "traceback, exit code 0"),
        ("", 1 << 8, False, "exit code 1"),
        ("", 11, False, "exit code -11"),
        ("", 9, True, "hangs"),
    ],
)
def test_what_fails_is_told_apart(said, status, late, verdict, tmp_path: Path):
    (tmp_path / fuzz.LOG).write_text(said)
    assert os.WIFEXITED(status) == (status >= 256 or status == 0)
    assert fuzz.judge(tmp_path, status, late) == verdict
    assert (verdict in fuzz.GOOD) == (verdict in ("done", "refused"))
