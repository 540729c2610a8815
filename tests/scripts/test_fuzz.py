"""A few cases of the fuzzer, and that it would notice a defect."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.checks import fuzz
from tests.command import run_forked


def test_no_odd_input_is_a_defect(tmp_path):
    # By that seed one of each kind.
    asked = [str(tmp_path), "--cases=4", "--seed=33"]
    said = run_forked(
        before="import sys; from scripts.checks import fuzz\n"
        f"sys.stdout = sys.stderr; sys.exit(fuzz.main({asked}))"
    ).stderr
    assert "4 cases" in said
    for kind in ("flag set", "path", "pictures", "run directory"):
        assert kind in said


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
    assert fuzz.verdict_of(tmp_path, status, late) == verdict
    assert (verdict in fuzz.GOOD) == (verdict in ("done", "refused"))
