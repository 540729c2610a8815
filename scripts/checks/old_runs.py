#!/usr/bin/env python3
"""Takes up runs that another revision's code has begun, and uses those that it has finished.

    python -m scripts.checks.old_runs OUTPUT_DIR REVISION [PRESET...]
    python -m scripts.checks.old_runs OUTPUT_DIR REVISION --configs=tests/configuration/format_1

That code trains each preset on `synthetic`, and is killed half way. A copy is resumed by it, one by
this code with the same flags, one by this code with no flag but --job_dir: all must end with the
same bits. The run that the old code has finished is evaluated, sampled, exported and plotted by
this one. Prints a line a preset; the exit code is 1 if anything is wrong.

With --configs nothing is checked: config.json of each preset is written into the folder, as that
revision's code leaves it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from scripts.checks import final_tensors, history
from trainer import run_layout
from trainer.configuration import presets

PRESETS = ("mlp", "fashion", "conditional", "stylegan")
STEPS = 40


def main(arguments: list[str]) -> int:
    """Checks the presets; the number of those that failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("revision")
    parser.add_argument("preset", nargs="*")
    parser.add_argument("--configs", type=Path)
    asked = parser.parse_args(arguments)
    output = asked.output.resolve()
    old = history.check_out(asked.revision, output / asked.revision)
    if asked.configs:
        for preset in asked.preset or presets.names():
            job_dir = output / "configs" / preset
            plain = ["train", f"--job_dir={job_dir}", f"--preset={preset}", "--dataset=synthetic"]
            begin(old, job_dir, 0, plain)
            shutil.copy(job_dir / run_layout.CONFIG, asked.configs / f"{preset}.json")
        return 0
    failures = 0
    for preset in asked.preset or PRESETS:
        reason = check(old, output, preset)
        failures += bool(reason)
        print(f"{preset:<12} {reason or 'good'}", flush=True)
    return failures


def check(old: Path, output: Path, preset: str) -> str:
    """What is wrong with a preset, or nothing."""
    begun = output / "begun" / preset
    begin(old, begun, STEPS // 2, flags(begun, preset))
    runs = {name: output / name / preset for name in ("old", "new", "bare")}
    for job_dir in runs.values():
        shutil.copytree(begun, job_dir)
    log = output / f"{preset}.log"
    history.run(old, log, *flags(runs["old"], preset))
    history.run(history.ROOT, log, *flags(runs["new"], preset))
    history.run(history.ROOT, log, "train", f"--job_dir={runs['bare']}", "--threads=2")
    reference, *others = (final_tensors.read(job_dir, STEPS) for job_dir in runs.values())
    for tensors in others:
        if different := final_tensors.different(reference, tensors):
            return f"ends with other bits in {len(different)} of {len(reference)} tensors"
    finished = f"--job_dir={runs['old']}"
    history.run(history.ROOT, log, "evaluate", finished, "--num=50")
    history.run(history.ROOT, log, "generate", finished, f"--output={runs['old'] / 'x.npz'}")
    history.run(history.ROOT, log, "export", finished, "--format=saved_model")
    history.run(history.ROOT, log, "plot", finished)
    return ""


def begin(old: Path, job_dir: Path, step: int, arguments: list[str]) -> None:
    """Starts a run by the old code, and kills it once that step is saved."""
    log = job_dir.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    process = history.start(old, log, *arguments)
    awaited = (job_dir / "checkpoints" / f"ckpt-{step}.index", job_dir / run_layout.CONFIG)
    while process.poll() is None and not all(path.exists() for path in awaited):
        time.sleep(0.01)
    process.kill()
    process.wait()
    if not all(path.exists() for path in awaited):
        raise SystemExit(f"{job_dir} was not begun: see {log}")


def flags(job_dir: Path, preset: str) -> list[str]:
    """Those of a short training."""
    return [
        *("train", f"--job_dir={job_dir}", f"--preset={preset}", "--dataset=synthetic"),
        *("--batch_size=8", f"--steps={STEPS}", "--threads=2", "--steps_per_loop=2"),
        *(f"--checkpoint_interval={STEPS // 4}", f"--evaluation_interval={STEPS // 2}"),
        "--evaluation_samples=20",
    ]


if __name__ == "__main__":
    raise SystemExit(min(1, main(sys.argv[1:])))
