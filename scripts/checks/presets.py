#!/usr/bin/env python3
"""Trains every preset on Fashion-MNIST, on one and on two devices, the slow way.

    python -m scripts.checks.presets OUTPUT_DIR [PRESET...]

Each run of 200 steps (`fashion_gan`: 20) at batch 8 is done twice, once left alone, once killed in
the middle and started again: both must end with the same bits. Grids, samples and an export, or
completions, are written. Prints a line a run; the exit code is 1 if anything is wrong.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from scripts.checks import final_tensors
from trainer.configuration import config_json, presets
from trainer.runs import records

STEPS = {"fashion_gan": 20}


def main(output: Path, names: list[str]) -> int:
    """Checks the presets; the number of those that failed."""
    failures = 0
    for name in names:
        for devices in (1, 2):
            started = time.monotonic()
            reason = check(output, name, devices)
            failures += bool(reason)
            seconds = time.monotonic() - started
            print(
                f"{name:<12} {devices} device(s) {seconds:5.0f} s  {reason or 'good'}", flush=True
            )
    return failures


def check(output: Path, name: str, devices: int) -> str:
    """What is wrong with a preset, or nothing."""
    steps = STEPS.get(name, 200)
    alone, killed = (output / f"{name}-{devices}-{kind}" for kind in ("alone", "killed"))

    def train(job_dir: Path) -> list[str]:
        return [
            *("train", f"--job_dir={job_dir}", f"--preset={name}", f"--steps={steps}"),
            *("--batch_size=8", f"--virtual_devices={devices}", "--threads=2"),
            f"--checkpoint_interval={steps // 4}",
        ]

    if run(*train(alone)):
        return "does not train"
    process = subprocess.Popen(command(*train(killed)), stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(killed.glob(f"checkpoints/ckpt-{steps // 2}.index")):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        return "ends before it is killed"
    if run(*train(killed)):
        return "does not resume"
    if final_tensors.different(*(final_tensors.read(each, steps) for each in (killed, alone))):
        return "ends with other bits"
    lines = records.read_lines(alone / "metrics.jsonl")
    if not np.isfinite([value for line in lines for value in line.values()]).all():
        return "is not finite"
    if not (alone / "results" / "final.png").exists():
        return "draws no grid"
    return of_use(alone)


def of_use(job_dir: Path) -> str:
    """What cannot be done with a run that has ended, or nothing."""
    stored, output = config_json.read(job_dir), f"--output={job_dir / 'samples.npz'}"
    assert stored is not None
    if stored.recipe.completion.masks:
        holes = job_dir / "holes.npz"
        pictures = np.zeros((2, *stored.recipe.data.image_shape), np.uint8)
        masks = np.zeros_like(pictures[..., :1])
        masks[:, 1:9] = 1
        np.savez(holes, images=pictures, masks=masks)
        given = (f"--job_dir={job_dir}", f"--input={holes}", output)
        return "does not complete" if run("inpaint", *given) else ""
    if run("generate", f"--job_dir={job_dir}", output, "--num=20"):
        return "does not generate"
    if run("export", f"--job_dir={job_dir}", "--format=saved_model"):
        return "does not export"
    return ""


def command(*arguments: str) -> list[str]:
    """The command line of fashion-gan."""
    return [sys.executable, "-m", "trainer", *arguments]


def run(*arguments: str) -> int:
    """The exit code of fashion-gan."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    raise SystemExit(min(1, main(Path(sys.argv[1]), sys.argv[2:] or presets.names())))
