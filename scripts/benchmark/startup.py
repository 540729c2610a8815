"""Parts `startup`, `generation`, `evaluation`: commands as a user calls them."""

from __future__ import annotations

import os
import sysconfig
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import trainer
from scripts.benchmark.commands import fashion_gan
from scripts.benchmark.rounds import Result, say
from scripts.benchmark.settings import Settings
from trainer.configuration import flags

FEW = 64  # images: what generating them takes is the way to the first one
WITHOUT = "--evaluation_interval=0"  # the last step is evaluated before it is shown
GENERATED = ("fashion", "dcgan")


def measure(settings: Settings) -> Result:
    """Of each round: the command after its files were forgotten, again, and resumed."""
    data_dir = flags.train(["train", "--job_dir=unused"]).places.data_dir
    rounds = []
    for number in range(1, settings.rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            forgotten = forget(data_dir)
            cold = fashion_gan("train", f"--job_dir={folder}/cold", "--steps=1", WITHOUT)
            warm = fashion_gan("train", f"--job_dir={folder}/warm", "--steps=1", WITHOUT)
            resumed = fashion_gan("train", f"--job_dir={folder}/warm", "--steps=2", WITHOUT)
        runs = {"cold": asdict(cold), "warm": asdict(warm), "resumed": asdict(resumed)}
        rounds.append({"forgotten_mib": forgotten, **runs})
        shown = ", ".join(f"{name} {run['first_step_seconds']:.1f} s" for name, run in runs.items())
        say(f"round {number} of {settings.rounds}: first step {shown}")
    return {"rounds": rounds}


def forget(*folders: Path) -> float:
    """Has the kernel drop Python's files, the trainer's and those in `folders` from memory.

    That needs no rights, and leaves what another process has mapped.

    Returns:
      MiB by which the page cache became smaller.
    """
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    roots = {*map(Path, paths), Path(trainer.__file__).parent, *folders}
    before = _cached_mib()
    os.sync()  # what is not on disk yet stays
    for root in roots:
        for path in root.rglob("*"):
            if path.is_file() and os.access(path, os.R_OK):
                with open(path, "rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return before - _cached_mib()


def _cached_mib() -> float:
    for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("Cached:"):
            return int(line.split()[1]) / 2**10
    return 0.0


def generation(settings: Settings) -> Result:
    """Of each preset and round: seconds for few images and for many, of a run of one step."""
    results: dict[str, Any] = {"images": settings.images, "few": FEW}
    for preset in GENERATED:
        with tempfile.TemporaryDirectory() as folder:
            job_dir = f"--job_dir={folder}/run"
            fashion_gan("train", job_dir, f"--preset={preset}", "--steps=1")
            rounds = []
            for _ in range(settings.rounds):
                few, many = (
                    asdict(
                        fashion_gan(
                            *("generate", job_dir, f"--num={num}", f"--output={folder}/x.npz")
                        )
                    )
                    for num in (FEW, settings.images)
                )
                rounds.append({"few": few, "many": many})
        say(f"generation: {preset}, {settings.images / rounds[-1]['many']['seconds']:.0f} images/s")
        results[preset] = rounds
    return results


def evaluation(settings: Settings) -> Result:
    """Of each round: with nothing kept, with features of real images kept, and whole."""
    with tempfile.TemporaryDirectory() as folder:
        job_dir = f"--job_dir={folder}/run"
        fashion_gan("train", job_dir, "--steps=1", WITHOUT)
        rounds = []
        for number in range(settings.rounds):
            evaluate = ("evaluate", job_dir, f"--cache_dir={folder}/cache{number}")
            runs = {
                "cold": asdict(fashion_gan(*evaluate, "--nocas")),
                "warm": asdict(fashion_gan(*evaluate, "--nocas")),
                "whole": asdict(fashion_gan(*evaluate)),
            }
            rounds.append(runs)
            shown = ", ".join(f"{name} {run['cpu_seconds']:.0f}" for name, run in runs.items())
            say(f"evaluation: CPU-seconds {shown}")
    return {"rounds": rounds}
