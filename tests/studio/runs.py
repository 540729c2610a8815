"""Small runs of each kind, opened as the page opens them, and the commands that it shows, run."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import numpy as np

from tests.untrained_runs import untrained
from trainer.__main__ import COMMANDS
from trainer.configuration import studio_flags
from trainer.run_layout import CHECKPOINTS
from trainer.runs import stored_runs
from trainer.runs.checkpoint_files import BEST
from trainer.studio import opening
from trainer.studio.open_run import OpenRun
from trainer.studio.shown import Command

SMALL = ("--image_size=16", "--noise_dim=6", "--steps=2", "--batch_size=4", "--width=4")
GARMENTS = ("--dataset=synthetic_garments", *SMALL, "--max_width=8")
KINDS = {
    "style": ("--preset=fashion", *GARMENTS, "--attributes=class,colour"),
    "plain": (
        "--preset=fashion",
        "--architecture=fashion",
        "--conditional",
        *GARMENTS,
        "--attributes=class",
    ),
    "unconditional": ("--preset=fashion", "--architecture=fashion", "--noconditional", *GARMENTS),
    "completing": ("--preset=inpaint", *GARMENTS, "--attributes=class"),
}


def opened(folder: Path, kind: str, checkpoint: str = "latest") -> OpenRun:
    """A run of a row of `KINDS`, untrained."""
    job_dir = untrained(folder / kind, *KINDS[kind])
    flags = [f"--job_dir={job_dir}", f"--cache_dir={folder / 'cache'}"]
    if checkpoint == BEST:
        shutil.copytree(job_dir / CHECKPOINTS, job_dir / CHECKPOINTS / BEST)
    flags.append(f"--checkpoint={checkpoint}")
    config = studio_flags.studio(["studio", *flags])
    return opening.opened(config, stored_runs.read(job_dir))


def made_by(command: Command, folder: Path) -> np.ndarray:
    """The images that a shown command makes, once its files are saved: as arrays, not as a PNG."""
    for name, content in command.files.items():
        (folder / name).write_bytes(content)
    output = folder / "made.npz"
    arguments = [_placed(argument, command, folder) for argument in command.arguments]
    assert arguments[-1].startswith("--output=") and arguments[-1].endswith(".png")
    named = COMMANDS[command.name]
    config = named.configure([command.name, *arguments[:-1], f"--output={output}"])
    importlib.import_module(f"trainer.commands.{named.module}").run(config)
    with np.load(output) as file:
        return file["images"]


def _placed(argument: str, command: Command, folder: Path) -> str:
    """With the path of a saved file in place of its name."""
    flag, _, value = argument.partition("=")
    return f"{flag}={folder / value}" if value in command.files else argument
