"""Combinations of flags of commands other than `train` that are refused."""

from __future__ import annotations

import math
import re

from trainer import run_layout
from trainer.configuration import numbers
from trainer.configuration.choices import EXPORT_SUFFIXES, LATEST
from trainer.configuration.config import EvaluateConfig, ExportConfig, GenerateConfig
from trainer.system.exits import RefusedError

_OF_A_SAVED_MODEL = re.compile(
    rf"{re.escape(run_layout.CARD)}|{re.escape(run_layout.CARD_PICTURE)}"
    r"|saved_model\.pb|fingerprint\.pb|keras_metadata\.pb"
    r"|variables/variables\.(index|data-\d+-of-\d+)"
)


def more_than_layers(network: str) -> RefusedError:
    """The refusal of a format for a network that it cannot hold."""
    return RefusedError(
        f"--format=h5 can hold only layers, and this {network} has other operations: use "
        "--format=keras"
    )


def check_generate(config: GenerateConfig, with_seed: bool) -> None:
    """Refuses an output in none of the formats of `generate`, and impossible latents.

    Args:
      config: of `generate`.
      with_seed: whether the user gave one.
    """
    if config.latents is not None:
        _check_given_latents(config, with_seed)
    if config.output.suffix not in ("", ".png", ".gif", ".npz"):
        raise RefusedError(
            f"--output={config.output} must be a .png, a .gif, an .npz or a folder without a suffix"
        )
    if config.output.suffix == ".gif" and config.num == 1:
        raise RefusedError("--num=1 frame shows no change: use at least 2 for a .gif")
    if config.truncation is not None:
        limit = numbers.rounded_to_float32("truncation", config.truncation)
        if not (math.isfinite(limit) and limit > 0):
            raise RefusedError(f"--truncation={config.truncation} must be a positive number")
    if config.output.suffix and config.output.is_dir():
        raise RefusedError(f"--output={config.output} is a folder: choose a name without a suffix")


def _check_given_latents(config: GenerateConfig, with_seed: bool) -> None:
    """Refuses flags that draw or change latents where latents are given."""
    given = {
        "num": config.num is not None,
        "seed": with_seed,
        "truncation": config.truncation is not None,
    }
    for name in (name for name, is_given in given.items() if is_given):
        raise RefusedError(f"--latents says what is drawn: leave --{name} out")
    if config.output.suffix == ".gif":
        raise RefusedError(f"--output={config.output}: --latents needs a .png, an .npz or a folder")


def check_evaluate(config: EvaluateConfig) -> None:
    """Refuses to measure both one checkpoint and many."""
    if config.new and config.watch:
        raise RefusedError("--watch also measures what is new: leave --new out")
    if (config.new or config.watch) and config.checkpoint != LATEST:
        raise RefusedError(
            f"--checkpoint={config.checkpoint} names one checkpoint, and --new and --watch take "
            "all: leave it out"
        )


def check_export(config: ExportConfig) -> None:
    """Refuses an output that the format cannot be, or that would replace something else."""
    has_no_noise = config.network != "generator" or config.format == "weights"
    if config.noise == "input" and has_no_noise:
        raise RefusedError(
            f"--noise=input has no effect with --network={config.network} "
            f"--format={config.format}: leave it out"
        )
    suffix, output = EXPORT_SUFFIXES[config.format], config.output
    if not output.name.endswith(suffix) or (not suffix and output.suffix):
        wanted = f"end in {suffix}" if suffix else "be a folder, without a suffix"
        raise RefusedError(f"--output={output} must {wanted} for --format={config.format}")
    if output.exists() and (output.is_file() if not suffix else output.is_dir()):
        raise RefusedError(
            f"--output={output} exists, and is not of --format={config.format}: choose another"
        )
    if output.is_dir():  # all of it is replaced
        files = (path for path in output.rglob("*") if not path.is_dir())
        names = sorted(path.relative_to(output).as_posix() for path in files)
        others = [name for name in names if not _OF_A_SAVED_MODEL.fullmatch(name)]
        if others or (any(output.iterdir()) and not (output / "saved_model.pb").exists()):
            what = others[0] if others else "something else"
            raise RefusedError(f"--output={output} also holds {what}: choose another folder")
