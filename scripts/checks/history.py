"""The project as it was at another revision, and its command and this one's side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def check_out(revision: str, folder: Path) -> Path:
    """Puts the package as of a revision of git's history into a folder, if it is not there yet."""
    code = folder / "code"
    if not code.exists():
        code.mkdir(parents=True)
        archive = subprocess.run(
            ["git", "archive", revision, "trainer"], cwd=ROOT, capture_output=True, check=True
        )
        subprocess.run(["tar", "-x"], cwd=code, input=archive.stdout, check=True)
    return code


def start(code: Path, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Starts fashion-gan with the package in a folder; what it says is added to a file."""
    # The package in the current folder comes before the one that is installed.
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "trainer", *arguments],
            cwd=code,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=file,
            stderr=file,
        )


def run(code: Path, log: Path, *arguments: str) -> None:
    """Runs fashion-gan to its end.

    Raises:
      SystemExit: it ended with another code than 0.
    """
    if status := start(code, log, *arguments).wait():
        raise SystemExit(f"exit code {status} of {' '.join(arguments)}: see {log}")
