"""All who are compared train by turns, so that what slows the machine down slows all of them."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.benchmark.processes import Failed, Team
from scripts.benchmark.settings import Settings

# Threads of OpenMP wait actively for a fifth of a second for more work.
PAUSE_SECONDS = 0.3

Result = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One who is measured."""

    module: str
    batch_size: int
    precision: str
    multiply_adds: int  # a step; see `work`
    images_a_step: int
    without_margins: int = 0  # of the multiplications, those of pixels that there are
    what: str = ""  # for people
    steps: int | None = None  # a round; None: as many as take the time that was asked for
    period: int = 1  # steps after which the work repeats: a lazy penalty is due in one of them
    options: Mapping[str, Any] = field(default_factory=dict)
    processes: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)


def measure(entries: Mapping[str, Entry], settings: Settings) -> dict[str, Result]:
    """What each entry took, by name: `rounds` of its answers, or a `reason` why there are none.

    Each has its processes, which live as long as this; a round that is not counted comes first.
    """
    results = {name: _described(entry) for name, entry in entries.items()}
    teams: dict[str, Team] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            for name, entry in entries.items():
                asked, environment = _asked(entry), _environment(entry, settings)
                teams[name] = Team(asked, entry.processes, environment, Path(folder))
                _take_part(results[name], teams[name], entry, settings)
            for number in range(1, settings.rounds + 1):
                _round(f"round {number} of {settings.rounds}", teams, results)
        finally:
            for team in teams.values():
                team.end()
    return results


def _described(entry: Entry) -> Result:
    return {
        "precision": entry.precision,
        "batch_size": entry.batch_size,
        "images_a_step": entry.images_a_step,
        "multiply_adds": entry.multiply_adds,
        "without_margins": entry.without_margins,
        "what": entry.what,
    }


def _take_part(result: Result, team: Team, entry: Entry, settings: Settings) -> None:
    """The first step, and a round that is not counted."""
    try:
        result["first_step_seconds"] = team.first_step()
        result["steps"] = entry.steps or _steps_within(team, settings.seconds, entry.period)
        team.train(result["steps"])
        result["rounds"] = []
    except Failed as failed:
        result["reason"] = str(failed)
        team.end()


def _steps_within(team: Team, seconds: float, period: int) -> int:
    """Steps that take about so long, a multiple of `period`."""
    steps = period
    team.train(steps)  # the first steps are slower than those that follow
    while (took := team.train(steps)["seconds"]) < seconds / 4:
        steps *= 2
    return max(1, round(steps / period * seconds / took)) * period


def _round(title: str, teams: Mapping[str, Team], results: Mapping[str, Result]) -> None:
    for name, result in results.items():
        if "reason" in result:
            continue
        time.sleep(PAUSE_SECONDS)
        try:
            answer = teams[name].train(result["steps"])
        except Failed as failed:
            result["reason"] = str(failed)
            teams[name].end()
            continue
        result["rounds"].append(answer)
        say(f"{title}: {name}, {1e3 * answer['seconds'] / result['steps']:.3g} ms a step")


def say(text: str) -> None:
    """Tells how it goes."""
    print(text, file=sys.stderr, flush=True)


def _asked(entry: Entry) -> dict[str, Any]:
    return {
        "module": entry.module,
        "batch_size": entry.batch_size,
        "precision": entry.precision,
        "options": dict(entry.options),
    }


def _environment(entry: Entry, settings: Settings) -> dict[str, str]:
    return {"OMP_NUM_THREADS": str(settings.threads), **entry.environment}
