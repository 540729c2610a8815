#!/usr/bin/env python3
"""Throws odd flags, paths, pictures and run directories at the command: nothing may be a defect.

    python -m scripts.checks.fuzz OUTPUT_DIR [--cases=10000] [--seed=0] [--only=NUMBER]

Each case is a forked child that runs the command in a folder of its own, all it does drawn from the
seed and the case's number. It must end with 0 or 64, the latter with a line that says why, without
a traceback and within a minute. What fails stays in OUTPUT_DIR with its log, and --only repeats it.
Prints a line a failure and a summary; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import collections
import gc
import importlib
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from scripts.checks import children, fuzz_files, fuzz_flags
from trainer import __main__
from trainer.system import cores, exits

PATIENCE_SECONDS = 60.0
LOG = "log"
GOOD = ("done", "refused")

Draw = Callable[[random.Random, Path], list[str]]

# By name: how many per cent of the cases, and whether TensorFlow is needed, which makes a child's
# start slow.
KINDS: dict[str, tuple[Draw, int, bool]] = {
    "flag set": (fuzz_flags.flag_sets, 60, False),
    "pictures": (fuzz_files.folders_of_pictures, 24, False),
    "path": (fuzz_flags.paths, 10, True),
    "run directory": (fuzz_files.run_directories, 6, True),
}

Child = tuple[int, str, float]  # case, its kind, deadline
Counts = collections.Counter[tuple[str, str]]  # of kinds and verdicts


def main(arguments: list[str]) -> int:
    """Runs the cases; the number of those that failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    asked = parser.parse_args(arguments)
    output = asked.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    numbers = range(asked.cases) if asked.only is None else [asked.only]
    counts: Counts = collections.Counter()
    light = [number for number in numbers if not needs_tensorflow(asked.seed, number)]
    run_all(output, asked.seed, light, counts)
    for module in ("train", "evaluate", "generate", "export", "plot", "prepare_data"):
        importlib.import_module(f"trainer.commands.{module}")
    make_run(output)
    run_all(output, asked.seed, sorted(set(numbers) - set(light)), counts)
    for (kind, verdict), count in sorted(counts.items()):
        print(f"{kind:<16} {verdict:<24} {count:6}")
    print(f"{sum(counts.values())} cases in {time.monotonic() - started:.0f} s")
    return sum(count for (_, verdict), count in counts.items() if verdict not in GOOD)


def make_run(output: Path) -> None:
    """Trains the run that cases damage copies of."""
    if not (output / "run" / "finished").exists():
        pid = children.start(output / LOG, lambda: fuzz_files.train_small_run(output / "run"))
        if os.waitpid(pid, 0)[1]:
            raise SystemExit(f"the run was not trained: see {output / LOG}")
        (output / "run" / "finished").touch()


def draw_kind(seed: int, number: int) -> tuple[str, random.Random]:
    """A case's kind, and where all else that it draws comes from."""
    rng = random.Random(f"{seed} {number}")
    (kind,) = rng.choices(list(KINDS), [weight for _, weight, _ in KINDS.values()])
    return kind, rng


def needs_tensorflow(seed: int, number: int) -> bool:
    """Whether a case needs TensorFlow."""
    _, _, needed = KINDS[draw_kind(seed, number)[0]]
    return needed


def run_all(output: Path, seed: int, numbers: list[int], counts: Counts) -> None:
    """Runs as many cases at once as there are cores; counts the verdicts of each kind."""
    gc.freeze()  # a child need not copy pages to count references
    waiting = numbers[::-1]
    running: dict[int, Child] = {}
    while waiting or running:
        while waiting and len(running) < cores.available():
            number = waiting.pop()
            kind, rng = draw_kind(seed, number)
            pid = start(output, number, kind, rng)
            running[pid] = (number, kind, time.monotonic() + PATIENCE_SECONDS)
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            number, kind, deadline = running.pop(pid)
            verdict = verdict_of(output / str(number), status, time.monotonic() > deadline)
            counts[kind, verdict] += 1
            if verdict in GOOD:
                shutil.rmtree(output / str(number))
            else:
                print(f"case {number}, {kind}: {verdict}, see {output / str(number)}", flush=True)
            continue
        for pid, (_, _, deadline) in running.items():
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def start(output: Path, number: int, kind: str, rng: random.Random) -> int:
    """Forks a case's child; its pid."""
    folder = output / str(number)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "here").mkdir(parents=True)

    def run() -> int:
        os.chdir(folder / "here")
        draw, _, _ = KINDS[kind]
        arguments = draw(rng, output / "run")
        print("arguments:", arguments, flush=True)
        return __main__.main(arguments)

    return children.start(folder / LOG, run)


def verdict_of(folder: Path, status: int, late: bool) -> str:
    """What is to be said of a case that has ended."""
    code = os.waitstatus_to_exitcode(status)
    said = (folder / LOG).read_text(errors="replace")
    if late:
        return "hangs"
    if "Traceback" in said:
        return f"traceback, exit code {code}"
    if code == exits.OK:
        return "done"
    if code == exits.REFUSED:
        explained = any(line.startswith("fashion-gan") for line in said.splitlines())
        return "refused" if explained else "refused without a word"
    return f"exit code {code}"


if __name__ == "__main__":
    raise SystemExit(min(1, main(sys.argv[1:])))
