"""Picks the command; nothing else. Signals are handled before anything heavy is imported."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer import __version__
from trainer.system import exits, signals, streams


@dataclass(frozen=True)
class Command:
    """A command: what it does, the function that reads its flags, the module with `run`."""

    summary: str
    flags: str
    module: str
    examples: tuple[str, ...] = ()  # arguments, for `--help`

    def configure(self, argv: Sequence[str]) -> Any:
        """The configuration that its arguments ask for; the first is its name."""
        module, function = self.flags.split(".")
        return getattr(importlib.import_module(f"trainer.configuration.{module}"), function)(argv)


COMMANDS = {
    "train": Command(
        "trains, or resumes the run in --job_dir",
        "flags.train",
        "train",
        (
            "--job_dir=runs/a --minutes=10",
            "--job_dir=runs/b --preset=dcgan --loss=hinge --spectral_norm --epochs=20",
            "--job_dir=runs/mine --preset=own --dataset=image_folder --data_dir=pictures",
        ),
    ),
    "evaluate": Command(
        "measures how good a run's pictures are",
        "flags.evaluate",
        "evaluate",
        ("--job_dir=runs/a --checkpoint=best", "--job_dir=runs/a --watch"),
    ),
    "generate": Command(
        "draws pictures: a grid, an animation, arrays, single files",
        "flags.generate",
        "generate",
        (
            "--job_dir=runs/a --output=clothes.png --num=100",
            "--job_dir=runs/a --output=shoes.png --labels=sneaker,boot --checkpoint=best",
            "--job_dir=runs/a --output=clothes.gif",
        ),
    ),
    "project": Command(
        "finds the latents of pictures",
        "editing_flags.project",
        "project",
        (
            "--job_dir=runs/a --input=shoe.png --output=shoe.npz",
            "--job_dir=runs/a --input=pictures --output=beside.png --labels=boot",
        ),
    ),
    "inpaint": Command(
        "completes pictures that have parts missing",
        "editing_flags.inpaint",
        "inpaint",
        (
            "--job_dir=runs/inpaint --input=shirt.png --mask=hole.png --num=8 --output=eight.png",
            "--job_dir=runs/inpaint --input=pictures.npz --output=completed.npz",
        ),
    ),
    "edit": Command(
        "changes pictures or samples: another label, a direction, mixed styles",
        "editing_flags.edit",
        "edit",
        (
            "--job_dir=runs/a --input=shoe.npz --to_label=sneaker,boot --output=shoes.png",
            "--job_dir=runs/a --directions=8 --output=directions.png",
            "--job_dir=runs/a --direction=1 --strength=-2,2 --labels=dress --output=dresses.gif",
            "--job_dir=runs/a --labels=bag --mix=1 --output=grid.png",
        ),
    ),
    "studio": Command(
        "serves a page on which a run draws, edits and completes pictures",
        "studio_flags.studio",
        "studio",
        ("--job_dir=runs/a", "--job_dir=runs/inpaint --checkpoint=best --port=0"),
    ),
    "export": Command(
        "writes a network in a format that other software reads",
        "flags.export",
        "export",
        ("--job_dir=runs/a --format=saved_model",),
    ),
    "runs": Command(
        "lists the runs in a folder, their progress and quality",
        "flags.runs",
        "runs",
        ("--folder=runs --plot",),
    ),
    "plot": Command("redraws a run's loss curves", "flags.plot", "plot", ("--job_dir=runs/a",)),
    "prepare_data": Command(
        "puts a data set into --data_dir, as train also does",
        "flags.prepare_data",
        "prepare_data",
        ("--dataset=cifar10 --features=own",),
    ),
    "presets": Command("compares the recipes", "flags.no_flags", "presets"),
}
VERSION = ("--version", "-version", "version")
HELP = ("--help", "-h", "-help", "help")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    streams.reserve()
    signals.install()
    sys.set_int_max_str_digits(0)  # a flag of thousands of digits is a number, and out of bounds
    name, *arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    _set_up_logging()
    from trainer.system import file_errors, memory_errors

    try:
        _run(name, arguments)
    except exits.RefusedError as error:
        return _end(name, error, exits.REFUSED)
    except exits.InterruptedRun as interrupted:
        return _end(name, interrupted, exits.INTERRUPTED)
    except Exception as error:
        refused = file_errors.refusal(error) or memory_errors.refusal(error)
        if refused is None:
            raise
        # With the path as it is: of a copy of a bucket's, TMPDIR is what has no room.
        sys.stderr.write(f"fashion-gan {name}: {refused}\n")
        passes = isinstance(refused, exits.InterruptedRun)
        return exits.INTERRUPTED if passes else exits.REFUSED
    finally:
        signals.ignore()
    return exits.OK


def _set_up_logging() -> None:
    import absl.flags
    import absl.logging

    from trainer.cloud import local_copies

    streams.install(absl.logging.get_absl_handler().python_handler)
    absl.flags.FLAGS(sys.argv[:1])  # libraries' own flags keep their defaults: warnings only
    absl.logging.use_absl_handler()
    absl.logging.get_absl_handler().addFilter(local_copies.ShowsUrls())
    logging.getLogger("trainer").setLevel(logging.INFO)
    if sys.stderr.isatty():  # others may parse the lines as absl writes them
        absl.logging.get_absl_handler().setFormatter(streams.ForPeople())


def _set_verbosity(verbosity: str) -> None:
    from trainer.system import library_lines

    if verbosity == "verbose":
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0")
        logging.getLogger().setLevel(logging.INFO)
        return
    # Where nothing is wrong, TensorFlow reports missing GPUs and skipped optimisations as errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    library_lines.silence()
    if verbosity == "quiet":
        logging.getLogger("trainer").setLevel(logging.ERROR)


def _run(name: str, arguments: list[str]) -> None:
    if name in VERSION or name in HELP:
        print(f"fashion-gan {__version__}" if name in VERSION else _usage())
        return
    if name not in COMMANDS:
        raise exits.RefusedError(f"unknown command {name!r}: {', '.join(COMMANDS)}")
    from trainer.configuration import flags, parsing
    from trainer.system import activity, unused_libraries

    command = COMMANDS[name]
    unused_libraries.hide()
    verbosity = flags.verbosity(arguments)
    _set_verbosity(verbosity)
    # Configuring may read all pictures of a folder, and fetch them from a bucket first.
    with contextlib.nullcontext() if verbosity == "quiet" else activity.reported():
        try:
            configuration = command.configure([f"fashion-gan {name}", *arguments])
        except parsing.HelpRequested as help_requested:
            print("\n".join([f"fashion-gan {name}: {command.summary}", *_examples(name, command)]))
            print(f"\n{help_requested}")
            return
        importlib.import_module(f"trainer.commands.{command.module}").run(configuration)


def _end(name: str, reason: Exception, code: int) -> int:
    """Says in one line why a command ends with a code that is not 0."""
    from trainer.cloud import local_copies

    sys.stderr.write(local_copies.shown(f"fashion-gan {name}: {reason}") + "\n")
    return code


def _examples(name: str, command: Command) -> list[str]:
    lines = [f"  fashion-gan {name} {arguments}" for arguments in command.examples]
    return ["", *lines] if lines else []


def _usage() -> str:
    first = [
        "  fashion-gan train --job_dir=runs/first --minutes=10",
        "  fashion-gan generate --job_dir=runs/first --output=clothes.png",
    ]
    lines = [f"  {name:<13} {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "fashion-gan: trains networks that generate pictures, and uses them",
            *("", "first steps:", *first, "", "commands:", *lines, ""),
            "`fashion-gan COMMAND --help` shows examples and flags; all take --quiet and --verbose",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
