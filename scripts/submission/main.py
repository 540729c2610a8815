r"""Submits one run to the cluster that kubectl speaks to, or with --dry_run prints its objects.

    scripts/submit --overlay=local --name=first --image=fashion-gan:0.1.0 \
        --job_dir=/data/runs/first -- --preset=fashion --epochs=3

Flags of `fashion-gan train` go after `--`. Whatever is wrong with flags is reported before anything
is applied (exit code 64). To continue a run that has ended, for whatever reason, or was stopped,
submit it again: its Job is created anew, and the trainer resumes what --job_dir holds. One that has
not ended is left alone.

    scripts/submit status first     its state, and its pods
    scripts/submit logs first       its chief's log, as it is written
    scripts/submit stop first       it saves and stops; its evaluations pause
    scripts/submit resume first     a stopped run continues, as it was submitted
    scripts/submit delete first     removes everything of its own; --job_dir stays
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from scripts.submission import command_line, verbs
from scripts.submission.kubectl import KubectlError
from trainer.system import exits
from trainer.system.exits import RefusedError

PROJECT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Submits, or does with a run what is said, and returns the exit code."""
    try:
        if arguments and arguments[0] in verbs.VERBS:
            verbs.carry_out(arguments)
        else:
            _submit(arguments)
    except RefusedError as error:
        print(f"submit: {error}", file=sys.stderr)
        return exits.REFUSED
    except KubectlError as error:
        print(f"submit: {error}", file=sys.stderr)
        return exits.DEFECT
    return exits.OK


def _submit(arguments: list[str]) -> None:
    order, dry_run = command_line.order(arguments, __doc__ or "")
    # Not above: the verbs need neither the time nor the packages of what is behind these.
    try:
        from scripts.submission.submitting import submit
        from trainer.configuration.parsing import HelpRequested
    except ModuleNotFoundError as missing:
        python = PROJECT / ".venv" / "bin" / "python"
        if python.exists() and Path(sys.prefix) != PROJECT / ".venv":
            os.execv(python, [str(python), *sys.argv])
        raise RefusedError(f"{missing}: pip install absl-py numpy pillow pyyaml") from missing
    try:
        submit(order, dry_run)
    except HelpRequested as help_requested:
        print(help_requested)
