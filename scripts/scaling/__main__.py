#!/usr/bin/env python3
"""Measures how cost grows, and writes docs/scaling.md.

    python -m scripts.scaling [PART...] [--rounds=3] [--seconds=1]

Parts, all of them unless some are named: side, width, batch, attributes, devices, processes,
resident and streamed sets, and length, of a run. A part that is measured again replaces what it was
in docs/scaling.json; the page is made from that file. Nothing else should run meanwhile; twenty
minutes on two cores. Needs Linux, Fashion-MNIST prepared, and for length the tests' environment.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmark import machine, rounds
from scripts.benchmark.settings import Settings
from scripts.scaling import lengths, page
from scripts.scaling.axes import AXES
from trainer.system import cores

PARTS = (*AXES, page.LENGTH)


def main(arguments: Sequence[str]) -> None:
    """Measures the parts, one after the other, and writes the page after each."""
    asked = _asked(arguments)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    settings = Settings(
        rounds=asked.rounds,
        steps=0,
        seconds=asked.seconds,
        threads=cores.available(),
        device="cpu",
        contenders=(),
        images=0,
        run_steps=0,
    )
    for part in asked.part or PARTS:
        described = machine.describe(settings)
        if part == page.LENGTH:
            with tempfile.TemporaryDirectory() as folder:
                results = lengths.measure(Path(folder))
        else:
            results = rounds.measure(AXES[part].entries(), settings)
        measured = {
            "command": shlex.join(["python", "-m", "scripts.scaling", *arguments]),
            "machine": described,
            "results": results,
        }
        page.add(asked.output, part, measured)


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python -m scripts.scaling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("part", nargs="*")
    add("--rounds", type=int, default=3, help="turns of each value")
    add("--seconds", type=float, default=1, help="length of a turn")
    add("--output", type=Path, default=Path("docs", "scaling.json"), help="beside it: the page")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.part) - set(PARTS):
        parser.error(f"{min(unknown)} is not known: there are {', '.join(PARTS)}")
    return asked


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(sys.argv[1:])
