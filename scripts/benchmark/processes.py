"""Processes that train when they are asked to, and wait otherwise."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.distribution.cluster_spec import Worker

# The first step of a compiled network on a busy core; nothing that works takes longer.
PATIENCE_SECONDS = 900.0

Answer = dict[str, float]


class Failed(Exception):
    """A contender cannot be measured; the message is a line that says why."""


class Team:
    """The processes of one contender, which train together: one, or a cluster on this machine."""

    def __init__(
        self, asked: Mapping[str, Any], processes: int, environment: Mapping[str, str], folder: Path
    ) -> None:
        """Starts them.

        Args:
          asked: see `scripts.benchmark.contenders.__main__`.
          processes: so many.
          environment: what they find there beside this process's.
          folder: for their logs and temporary files.
        """
        self._started = time.monotonic()
        self._members = [
            _Process(asked, {**environment, **described}, folder)
            for described in _cluster(processes)
        ]

    def first_step(self) -> float:
        """Seconds from the start to the end of the first step.

        Raises:
          Failed: there was none.
        """
        self._answer()
        return time.monotonic() - self._started

    def train(self, steps: int) -> Answer:
        """What so many steps took: seconds, processor seconds, most memory so far, and a loss.

        Raises:
          Failed: they were not done.
        """
        for member in self._members:
            member.ask(steps)
        return self._answer()

    def end(self) -> None:
        """Ends the processes, which have nothing to save."""
        for member in self._members:
            member.end()

    def _answer(self) -> Answer:
        answers = _in_turn(self._members)
        return {
            "seconds": max(each["seconds"] for each in answers),
            "cpu_seconds": sum(each["cpu_seconds"] for each in answers),
            "memory_mib": sum(each["memory_mib"] for each in answers),
            "loss": answers[0]["loss"],
        }


def _in_turn(members: Sequence[_Process]) -> list[Answer]:
    """All answers, read as they come: one that has died leaves the others waiting for it.

    Raises:
      Failed: one of them failed, or said nothing for too long.
    """
    answers: dict[_Process, Answer] = {}
    while waiting := [member for member in members if member not in answers]:
        ready, _, _ = select.select(waiting, [], [], PATIENCE_SECONDS)
        if not ready:
            raise Failed(f"gave no answer within {PATIENCE_SECONDS:.0f} s")
        answers |= {member: member.answer() for member in ready}
    return [answers[member] for member in members]


class _Process:
    def __init__(
        self, asked: Mapping[str, Any], environment: Mapping[str, str], folder: Path
    ) -> None:
        self._log = folder / f"{time.monotonic_ns()}.log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scripts.benchmark.contenders", json.dumps(dict(asked))],
                env={**_inherited(), **environment, "TMPDIR": str(folder)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def ask(self, steps: int) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{steps}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Failed(self._end_told()) from None

    def fileno(self) -> int:
        """Of the pipe that answers come from, for `select`."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def answer(self) -> Answer:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Failed(self._end_told())
        answer = json.loads(line)
        if "reason" in answer:
            raise Failed(answer["reason"])
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _end_told(self) -> str:
        code = self._process.wait()
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"ended with code {code}: {lines[-1] if lines else 'it said nothing'}"


def _inherited() -> dict[str, str]:
    """The environment here, but for a cluster that somebody has described."""
    of_a_cluster = ("TF_CONFIG", "TF_WORKERS")
    return {name: value for name, value in os.environ.items() if name not in of_a_cluster}


def _cluster(processes: int) -> list[dict[str, str]]:
    """What each of them finds in its environment."""
    if processes == 1:
        return [{}]
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(processes)]
    workers = tuple(f"127.0.0.1:{server.getsockname()[1]}" for server in servers)
    for server in servers:
        server.close()
    return [{"TF_CONFIG": Worker(index, workers).tf_config()} for index in range(processes)]
