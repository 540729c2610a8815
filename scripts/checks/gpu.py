#!/usr/bin/env python3
"""Checks the trainer on the GPUs of this machine, and measures it, within fifteen minutes.

    scripts/checks/gpu.sh OUTPUT_DIR [CHECK...] [--brief]

The checks: `devices`, TensorFlow sees GPUs; `losses`, of five steps they are a processor's, to 1e-4
without TF32; `replicas`, one card split in two has one device's losses, as has `mirrored` over all;
`bits`, a run that is killed and resumed ends with those of one left alone, plain and compiled;
`signal`, SIGTERM saves and leaves with 143; `speed`, images a second by preset, batch, precision
and compilation, with the most memory; `profile`, the share of time in which the device is idle;
`peers`, the same network in other libraries (`scripts.benchmark contenders --device=gpu`).

Prints a line a check and a table of speeds; all figures are in OUTPUT_DIR/gpu.json. Where there is
no GPU, the processor takes its place, so that the script itself can be tested: `--brief` measures
the speed of little then. The exit code is 1 if a check fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from scripts.checks import children, final_tensors, gpu_step, trainings
from scripts.checks.trainings import Failed
from trainer.gan.training_step import METRICS
from trainer.system import exits

ROOT = Path(__file__).resolve().parents[2]
STEPS = 40
WITHOUT_TF32 = {"NVIDIA_TF32_OVERRIDE": "0"}
NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}
TOLERANCE = 1e-4
SPEEDS = [
    (preset, batch, precision, compiled)
    for preset, batches in (("dcgan", (256, 1024)), ("fashion", (32, 256, 1024)))
    for batch in batches
    for precision in ("float32", "bfloat16")
    for compiled in (False, True)
]
BRIEF = [("mlp", 32, "float32", False), ("mlp", 32, "float32", True)]

Figures = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Runs the checks; the number of those that failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("check", nargs="*")
    parser.add_argument("--brief", action="store_true")
    asked = parser.parse_args(arguments)
    output = asked.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    figures: Figures = {}
    failed = 0
    for name in asked.check or CHECKS:
        started = time.monotonic()
        try:
            figures[name] = CHECKS[name](output, asked.brief)
            verdict = "good"
        except Failed as reason:
            figures[name], verdict, failed = {"failed": str(reason)}, str(reason), failed + 1
        print(f"{name:<9} {time.monotonic() - started:5.0f} s  {verdict}", flush=True)
        (output / "gpu.json").write_text(json.dumps(figures, indent=1) + "\n")
    for row in figures.get("speed", {}).get("rows", []):
        which = "{preset:<8} {batch:>5} {precision:<8} {how:<8}".format(**row)
        print(f"{which} {row['images_per_second']:>9.0f} images/s")
    return failed


def devices(output: Path, brief: bool) -> Figures:
    """What TensorFlow sees."""
    del output, brief
    code = (
        "import json, tensorflow as tf\n"
        "found = tf.config.list_physical_devices('GPU')\n"
        "names = [tf.config.experimental.get_device_details(gpu) for gpu in found]\n"
        "print(json.dumps({'tensorflow': tf.__version__, 'gpus': names}, default=str))"
    )
    return json.loads(python("-c", code))


def losses(output: Path, brief: bool) -> Figures:
    """The first steps on the device and on a processor, plain and compiled."""
    largest = {}
    for preset in ("mlp",) if brief else ("mlp", "dcgan", "fashion"):
        reference = metrics(output / f"losses/{preset}/processor", preset, NO_GPU)
        for name, compiled in {"plain": "false", "compiled": "true"}.items():
            job_dir = output / f"losses/{preset}/{name}"
            ours = metrics(job_dir, preset, WITHOUT_TF32, f"--jit_compile={compiled}")
            largest[f"{preset} {name}"] = relative_difference(ours[:1], reference[:1])
            largest[f"{preset} {name}, five steps"] = relative_difference(ours, reference)
    worst = max(value for name, value in largest.items() if "five" not in name)
    if worst > TOLERANCE:
        raise Failed(f"the first step's losses are {worst:.1e} apart: {largest}")
    return largest


def replicas(output: Path, brief: bool) -> Figures:
    """Two logical devices of one card, and a mirrored strategy over all cards."""
    del brief
    one = metrics(output / "replicas/one", "mlp", WITHOUT_TF32, "--strategy=one_device")
    largest = {}
    on_processor = metrics(output / "replicas/virtual", "mlp", {}, "--virtual_devices=2")
    largest["virtual devices of the processor"] = relative_difference(on_processor[:1], one[:1])
    cards = devices(output, True)["gpus"]
    if cards:  # a mirrored strategy compiles its step in whole where it has one card
        metrics(output / "replicas/mirrored", "sngan", {}, "--strategy=mirrored")
    if len(cards) > 1:
        mirrored = metrics(output / "replicas/all", "mlp", WITHOUT_TF32, "--strategy=mirrored")
        largest["all cards"] = relative_difference(mirrored[:1], one[:1])
    split = json.loads(python("-m", "scripts.checks.gpu_step", environment=WITHOUT_TF32))
    largest["one card in two"] = relative_difference(np.array(split["two"]), np.array(split["one"]))
    if max(largest.values()) > TOLERANCE:
        raise Failed(f"losses are apart: {largest}")
    return largest


def bits(output: Path, brief: bool) -> Figures:
    """One run is left alone, one is killed and resumed."""
    presets = ("mlp",) if brief else ("dcgan", "fashion")
    for preset in presets:
        for compiled in ("false", "true"):
            folder = output / f"bits/{preset}-{compiled}"
            given = [f"--steps={STEPS}", f"--jit_compile={compiled}"]
            shutil.rmtree(folder, ignore_errors=True)
            trainings.train(folder / "alone", preset, *given)
            trainings.begin_and_kill(folder / "killed", preset, STEPS // 2, *given)
            trainings.train(folder / "killed", preset, *given)
            ends = (final_tensors.read(folder / name, STEPS) for name in ("alone", "killed"))
            if differ := final_tensors.different(*ends):
                raise Failed(f"{preset}, jit_compile {compiled}: {len(differ)} tensors differ")
    return {"presets": list(presets)}


def on_signal(output: Path, brief: bool) -> Figures:
    """SIGTERM in the loop."""
    del brief
    job_dir = output / "signal"
    shutil.rmtree(job_dir, ignore_errors=True)
    pid = trainings.start(job_dir, "mlp", "--steps=1000000")
    trainings.wait_for(pid, lambda: len(trainings.lines(job_dir)) > 2)
    started = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    code = trainings.wait(pid)
    if code != exits.INTERRUPTED:
        raise Failed(f"exit code {code}")
    return {"seconds": round(time.monotonic() - started, 1)}


def speed(output: Path, brief: bool) -> Figures:
    """Images a second of each, in a process of its own."""
    rows = []
    for preset, batch, precision, compiled in BRIEF if brief else SPEEDS:
        answer, log = output / "speed.json", output / "speed.log"

        def measure() -> int:
            found = gpu_step.speed(preset, batch, precision, compiled)  # noqa: B023
            answer.write_text(json.dumps(found))  # noqa: B023
            return exits.OK

        if code := trainings.wait(children.start(log, measure)):
            raise Failed(f"{preset} {batch} {precision}: exit code {code}, see {log}")
        how = "compiled" if compiled else "plain"
        row = {"preset": preset, "batch": batch, "precision": precision, "how": how}
        rows.append(row | json.loads(answer.read_text()))
    return {"rows": rows}


def profile(output: Path, brief: bool) -> Figures:
    """The share of time in which the device is idle."""
    job_dir = output / "profile"
    shutil.rmtree(job_dir, ignore_errors=True)
    preset = "mlp" if brief else "dcgan"
    given = [f"--steps={STEPS}", "--steps_per_loop=10", "--profile_steps=20,30"]
    trainings.train(job_dir, preset, *given)
    table = (job_dir / "results/profile.txt").read_text()
    idle = re.search(r"idle for ([\d.]+)%", table)
    return {"idle_per_cent": float(idle[1]) if idle else None, "table": table.splitlines()[:20]}


def peers(output: Path, brief: bool) -> Figures:
    """The benchmark's contenders; on a processor the page of the docs has them."""
    if brief or not devices(output, True)["gpus"]:
        return {"left_out": "no GPU"}
    said = python("-m", "scripts.benchmark", "contenders", "--rounds=3", "--device=gpu")
    return {"said": said.splitlines()[-20:]}


CHECKS: dict[str, Callable[[Path, bool], Figures]] = {
    "devices": devices,
    "losses": losses,
    "replicas": replicas,
    "bits": bits,
    "signal": on_signal,
    "speed": speed,
    "profile": profile,
    "peers": peers,
}


def python(*arguments: str, environment: dict[str, str] | None = None) -> str:
    """What an interpreter prints last.

    Raises:
      Failed: it ended with another code than 0.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Failed(f"{' '.join(arguments[:3])}: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout.strip()


def metrics(job_dir: Path, preset: str, environment: dict[str, str], *more: str) -> np.ndarray:
    """Losses and scores of five steps: `[5, 5]`."""
    shutil.rmtree(job_dir, ignore_errors=True)
    given = ["--steps=5", "--precision=float32", *more]
    trainings.train(job_dir, preset, *given, environment=environment)
    return np.array([[line[name] for name in METRICS[:5]] for line in trainings.lines(job_dir)])


def relative_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest relative difference; of penalties that are zero, the absolute one."""
    return float(np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-2)))


if __name__ == "__main__":
    raise SystemExit(min(1, main(sys.argv[1:])))
