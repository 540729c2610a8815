#!/usr/bin/env python3
"""Measures how fast this trainer is, alone and alongside others, and writes docs/performance.md.

    python -m scripts.benchmark [PART...] [--rounds=5] [--steps=5] [--device=cpu]

Parts, all of them unless some are named:
  contenders  the same network, batch and precision, trained by us and with other libraries
  presets     every preset, and its share of what matrix products reach
  batches     a step of dcgan and fashion at batches of 32 to 1024
  sizes       a step of the default preset on coloured pictures of 64 to 256 pixels, and its feeding
  styles      a step with modulated convolutions and without, on pictures of 28 to 128 pixels
  loop        what a step costs besides its computation
  startup     from the command to the first step
  around      saves, pictures, evaluations and records of a run
  generation  images a second of `fashion-gan generate`
  evaluation  seconds of `fashion-gan evaluate`

Contenders train in turn, and medians are taken over the turns. A part that is measured again
replaces what it was in docs/performance.json; the page is made from that file. Nothing else should
run meanwhile, and about 16 GB of memory should be free: all contenders of a precision are loaded at
once, and wait while one of them trains. `scripts/benchmark.sh` makes an environment with the other
libraries; any that is not installed, or fails, is listed with the reason. Needs Linux.

`--device=gpu` measures on the GPU, with those contenders that have a form for it, and the libraries
in the forms that find it (`tensorflow[and-cuda]`, `jax[cuda13]`). It was written without a GPU at
hand, and has not been run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmark.contenders import CONTENDERS
from scripts.benchmark.settings import Settings
from trainer.system import cores

PARTS = {
    "contenders": ("peers", "measure"),
    "presets": ("ours", "every_preset"),
    "batches": ("ours", "batch_sizes"),
    "sizes": ("ours", "sizes"),
    "styles": ("ours", "styles"),
    "loop": ("ours", "loop"),
    "startup": ("startup", "measure"),
    "around": ("around", "measure"),
    "generation": ("startup", "generation"),
    "evaluation": ("startup", "evaluation"),
}

# On a GPU all contenders are there at once, and none may take all of its memory.
ENVIRONMENTS = {
    "cpu": {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"},
    "gpu": {
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "JAX_PLATFORMS": "cuda",  # or none: not the processor instead
    },
}


def main(arguments: Sequence[str]) -> None:
    """Measures the parts, one after the other, and writes the page after each."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    settings = _settings(asked)
    for names, known in (
        (asked.part, PARTS),
        (settings.contenders, CONTENDERS[settings.device]),
    ):
        if unknown := set(names) - set(known):
            parser.error(f"{min(unknown)} is not known: there are {', '.join(known)}")
    cores = sorted(os.sched_getaffinity(0))
    if settings.threads > len(cores):
        parser.error(f"--threads={settings.threads}: there are {len(cores)} cores")
    # All processes from here on have these cores, and start as many threads.
    os.sched_setaffinity(0, cores[: settings.threads])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ |= ENVIRONMENTS[settings.device]
    from scripts.benchmark import machine, page  # TensorFlow must not see the GPUs before

    if settings.device == "gpu" and not machine.has_gpu():
        parser.error("--device=gpu: TensorFlow finds none")
    for part in asked.part or PARTS:
        described = machine.describe(settings)
        module, function = PARTS[part]
        measure = getattr(importlib.import_module(f"scripts.benchmark.{module}"), function)
        measured = {
            "command": shlex.join(["python", "-m", "scripts.benchmark", *arguments]),
            "machine": described,
            "rounds": settings.rounds,
            "results": measure(settings),
        }
        page.add(asked.output, part, measured)


def _parser() -> argparse.ArgumentParser:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", nargs="*")
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="turns of each")
    add("--steps", type=int, default=5, help="steps of a contender's turn")
    add(
        "--seconds",
        type=float,
        default=1.5,
        help="length of a turn of presets, batches, sizes, loop",
    )
    add("--threads", type=int, default=0, help="cores that each may use; 0: all there are")
    add("--device", choices=("cpu", "gpu"), default="cpu", help="for contenders")
    add(
        "--contenders",
        default="",
        help="names in contenders/, separated by commas; '': all",
    )
    add("--num", type=int, default=20_000, help="images to generate")
    add("--run_steps", type=int, default=5_000, help="steps of the run at the defaults")
    add("--output", type=Path, default=Path("docs", "performance.json"), help="beside it: the page")
    return parser


def _settings(asked: argparse.Namespace) -> Settings:
    return Settings(
        rounds=asked.rounds,
        steps=asked.steps,
        seconds=asked.seconds,
        threads=asked.threads or cores.available(),
        device=asked.device,
        contenders=tuple(name for name in asked.contenders.split(",") if name),
        images=asked.num,
        run_steps=asked.run_steps,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
