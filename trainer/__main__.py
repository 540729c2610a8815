"""Picks the command; nothing else."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import absl.flags
import absl.logging

from trainer.cloud import local_copies
from trainer.configuration import flags
from trainer.system import exits, signals


@dataclass(frozen=True)
class Command:
    """A command: what it does, how its flags become a configuration, the module with `run`."""

    summary: str
    configure: Callable[[Sequence[str]], Any]
    module: str


COMMANDS = {
    "train": Command("trains, or resumes the run in --job_dir", flags.train, "train"),
    "evaluate": Command("measures checkpoints", flags.evaluate, "evaluate"),
    "generate": Command("samples a trained generator", flags.generate, "generate"),
    "export": Command("writes a network in a format that others read", flags.export, "export"),
    "plot": Command("draws the loss curves", flags.plot, "plot"),
    "prepare_data": Command("puts a data set into --data_dir", flags.prepare_data, "prepare_data"),
    "presets": Command("lists the recipes", flags.no_flags, "presets"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    signals.install()
    # Where nothing is wrong, TensorFlow reports missing GPUs and skipped optimisations as errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    absl.flags.FLAGS(sys.argv[:1])  # libraries' own flags keep their defaults: warnings only
    absl.logging.use_absl_handler()
    absl.logging.get_absl_handler().addFilter(local_copies.ShowsUrls())
    logging.getLogger("trainer").setLevel(logging.INFO)
    name, *arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("--help", "-h", "help"):
        print(_usage())
        return exits.OK
    try:
        if name not in COMMANDS:
            raise exits.RefusedError(f"unknown command {name!r}: {', '.join(COMMANDS)}")
        command = COMMANDS[name]
        configuration = command.configure([f"fashion-gan {name}", *arguments])
        importlib.import_module(f"trainer.commands.{command.module}").run(configuration)
    except flags.HelpRequested as help_requested:
        print(f"fashion-gan {name}: {command.summary}\n{help_requested}")
    except exits.RefusedError as error:
        print(local_copies.shown(f"fashion-gan {name}: {error}"), file=sys.stderr)
        return exits.REFUSED
    except exits.InterruptedRun as interrupted:
        print(local_copies.shown(f"fashion-gan {name}: {interrupted}"), file=sys.stderr)
        return exits.INTERRUPTED
    finally:
        signals.ignore()
    return exits.OK


def _usage() -> str:
    lines = [f"  {name:<13} {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        ["usage: fashion-gan COMMAND [--flags]", *lines, "`fashion-gan COMMAND --help` lists flags"]
    )


if __name__ == "__main__":
    sys.exit(main())
