#!/usr/bin/env python3
"""Trains random accepted flag sets for five steps: none may fail, and no flag may do nothing.

    python -m scripts.checks.flag_sets OUTPUT_DIR [--sets=150] [--seed=0]

Each set is trained on `synthetic` twice, the second time without one of its flags, if it decides
the recipe and what is left is accepted: then some tensor must differ. Prints a line a set; the exit
code is 1 if anything is wrong. What was trained is removed, unless it shows a fault.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
from pathlib import Path

import trainer.commands.train
import trainer.training.run  # noqa: F401
from scripts.checks import children, final_tensors
from trainer import __main__
from trainer.configuration import choices, flags, presets, resume
from trainer.configuration.config import Recipe
from trainer.system import cores
from trainer.system.exits import RefusedError

STEPS = 5  # `fashion` has a penalty every four
RATES = ("1e-4", "1e-3")
# More than preset values, and such that five steps at batch 4 show them.
VALUES: dict[str, tuple[str, ...]] = {
    "preset": tuple(presets.names()),
    "architecture": tuple(choices.ARCHITECTURES),
    "loss": tuple(choices.LOSSES),
    "update": choices.UPDATES,
    "critic_steps": ("1", "2", "3"),
    "label_noise": ("0", "0.1", "0.4"),
    "gradient_penalty": ("0", "1", "10"),
    "r1": ("0", "0.1", "5"),
    "r2": ("0", "0.1", "5"),
    "penalty_interval": ("1", "2"),
    "penalty_schedule": choices.SCHEDULES,
    "penalty_final_factor": ("0.1", "0.5", "1"),
    "weight_clip": ("0", "0.01"),
    "augment": ("", "colour", "cutout", "translation,cutout", "adaptive"),
    "augment_target": ("0.1", "0.3"),
    "flip": ("true", "false"),
    "classification": ("0", "0.1"),
    "classifier": choices.CLASSIFIERS,
    "style_mixing": ("0", "0.5"),
    "path_length": ("0", "2"),
    "grow_from": ("8", "16"),
    "grow_images": ("4", "8"),
    "fade_images": ("0", "4", "8"),
    "masks": tuple(choices.MASKS),
    "reconstruction": ("0", "1"),
    "diversity": ("0", "0.5"),
    "recognition": ("0", "0.1"),
    "dataset": ("synthetic", "synthetic_garments"),
    "image_size": ("16", "32"),
    "attributes": ("class", "colour,pattern"),
    "attribute_dropout": ("0", "0.5"),
    "optimizer": choices.OPTIMIZERS,
    "noise_dim": ("1", "16", "512"),
    "conditional": ("true", "false"),
    "spectral_norm": ("true", "false"),
    "dropout": ("0", "0.1", "0.5"),
    "width": ("24",),
    "max_width": ("48",),  # which all architectures exceed
    "mapping_layers": ("1", "3"),
    "ema_half_life": ("0", "0.2"),
    "precision": ("float32", "bfloat16"),
    "seed": ("1", "2147483647"),
    "virtual_devices": ("0", "2"),
    "jit_compile": ("auto", "true"),
    "forms": choices.FORMS,
    "deterministic": ("true", "false"),
    "steps_per_loop": ("0", "1", "2"),
    **{f"{name}_learning_rate": RATES for name in choices.NETWORKS},
    **{f"{name}_beta_1": ("0", "0.5", "0.9") for name in choices.NETWORKS},
    **{f"{name}_beta_2": ("0.9", "0.99") for name in choices.NETWORKS},
    **{f"{name}_schedule": choices.SCHEDULES for name in choices.NETWORKS},
    **{f"{name}_final_factor": ("0.1", "0.5", "1") for name in choices.NETWORKS},
}

# Flags that are nothing alone: sets begin with one of these.
BASES: tuple[tuple[str, ...], ...] = (
    (),
    ("--preset=stylegan",),
    ("--preset=inpaint",),
    ("--preset=own", "--dataset=synthetic_garments", "--image_size=16"),
    ("--preset=fashion", "--augment=translation,adaptive", "--augment_target=0.1"),
    (
        *("--preset=stylegan", "--dataset=synthetic_garments", "--image_size=32"),
        *("--grow_from=8", "--grow_images=4", "--fade_images=4"),
    ),
)


def main(arguments: list[str]) -> int:
    """Trains the sets, some at once; the number of those with a fault."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--sets", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    output = asked.output.resolve()
    rng = random.Random(asked.seed)
    waiting = [(number, *draw(rng)) for number in range(asked.sets)][::-1]
    running: dict[int, Path] = {}
    faults = 0
    while waiting or running:
        while waiting and len(running) < cores.available():
            number, whole, less = waiting.pop()
            folder = output / str(number)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            pid = children.start(folder / "log", lambda: train(folder, whole, less))  # noqa: B023
            running[pid] = folder
        pid, status = os.wait()
        folder = running.pop(pid)
        line = (folder / "line").read_text()
        if status:
            faults += 1
            print(f"{folder.name:>4} FAULT, see {folder / 'log'}: {line}", flush=True)
        else:
            print(f"{folder.name:>4} good: {line}", flush=True)
            shutil.rmtree(folder)
    print(f"{faults} of {asked.sets} sets with a fault")
    return faults


def draw(rng: random.Random) -> tuple[list[str], list[str] | None]:
    """An accepted set, and the same less a flag that decides its recipe; None: no flag does."""
    while True:
        names = rng.sample(sorted(VALUES), rng.randint(1, 8))
        drawn = [f"--{name}={rng.choice(VALUES[name])}" for name in names]
        given = [*rng.choice(BASES), *drawn]
        recipe = accepted(given)
        if recipe is None:
            continue
        for left_out in rng.sample(drawn, len(drawn)):
            less = [flag for flag in given if flag != left_out]
            other = accepted(less)
            decided = "--precision=float32"  # which auto may be, too
            if other is not None and other != recipe and left_out != decided:
                return given, less
        return given, None


def accepted(given: list[str]) -> Recipe | None:
    """The recipe of a set; None: it is refused."""
    try:
        return resume.configured(flags.train(train_flags(Path("run"), given)), None).recipe
    except RefusedError:
        return None


def train_flags(job_dir: Path, given: list[str]) -> list[str]:
    """The arguments of a training."""
    small = ["--dataset=synthetic", f"--steps={STEPS}", "--batch_size=4", "--threads=1"]
    return ["train", f"--job_dir={job_dir}", *small, "--evaluation_interval=0", *given]


def train(folder: Path, whole: list[str], less: list[str] | None) -> int:
    """In a child: trains a set, and it less a flag; 0 if all is well."""
    without = "" if less is None else f", without {', '.join(set(whole) - set(less))}"
    (folder / "line").write_text(" ".join(whole) + without)
    grandchildren = [("whole", whole), *([("less", less)] if less is not None else [])]
    for name, given in grandchildren:
        # A process of its own: each may have other devices.
        arguments = train_flags(folder / name, given)
        pid = children.start(folder / f"{name}.log", lambda: __main__.main(arguments))  # noqa: B023
        if os.waitpid(pid, 0)[1]:
            print((folder / f"{name}.log").read_text(errors="replace"))
            return 1
    if less is None:
        return 0
    ours, theirs = (final_tensors.read(folder / name, STEPS) for name in ("whole", "less"))
    differs = bool(final_tensors.different(ours, theirs))
    if not differs:
        print("no tensor differs")
    return int(not differs)


if __name__ == "__main__":
    raise SystemExit(min(1, main(sys.argv[1:])))
