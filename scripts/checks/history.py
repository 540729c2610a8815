"""The project as it was at another revision, and its command and this one's side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# TensorFlow's import takes longer than a short training. It is imported once, before any device is
# touched, and a child is forked for each command.
_FORKING = """
import json, os, sys
import matplotlib.figure, tensorboard.plugins.hparams.api, tensorflow
from trainer import __main__
at_once, commands = json.loads(sys.argv[1])
children, failed = {}, []
while commands or children:
    if commands and len(children) < at_once:
        log, arguments = commands.pop(0)
        pid = os.fork()
        if not pid:
            file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1), os.dup2(file, 2)
            code = 1
            try:
                code = __main__.main(arguments)
            finally:
                sys.stdout.flush(), sys.stderr.flush()
                os._exit(code)
        children[pid] = log
    else:
        pid, status = os.wait()
        log = children.pop(pid)
        if status:
            failed.append(log)
sys.exit(f"failed: see {', '.join(failed)}" if failed else 0)
"""


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


def run_all(code: Path, commands: Sequence[tuple[Path, list[str]]], at_once: int) -> None:
    """Runs fashion-gan with each of the arguments, some at once; each has a log of its own.

    Raises:
      SystemExit: one of them ended with another code than 0.
    """
    named = [(str(log), arguments) for log, arguments in commands]
    done = subprocess.run(
        [sys.executable, "-c", _FORKING, json.dumps([at_once, named])],
        cwd=code,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode:
        raise SystemExit(done.returncode)
