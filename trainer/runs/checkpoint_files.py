"""The files of checkpoints, by their names: which checkpoints are there. Reads none of them.

Without TensorFlow, so that a command that has nothing to do ends at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

BEST = "best"  # the subfolder of the best checkpoint, and the value of --checkpoint for it
NAME = "ckpt"


def prefix(folder: Path, step: int) -> Path:
    """TensorFlow's path of a checkpoint: the common prefix of its files."""
    return folder / f"{NAME}-{step}"


def steps(folder: Path) -> list[int]:
    """Steps of all checkpoints with an index, ascending."""
    return steps_among(path.name for path in folder.glob(f"{NAME}-*.index"))


def steps_among(names: Iterable[str]) -> list[int]:
    """The same of a folder of which the files' names are known."""
    found = (re.fullmatch(rf"{NAME}-(0|[1-9][0-9]*)\.index", name) for name in names)
    return sorted(int(match[1]) for match in found if match)


def steps_of_any_file(folder: Path) -> list[int]:
    """Steps of all checkpoints with any file: damaged ones are told when they are read."""
    names = {path.name.removeprefix(f"{NAME}-") for path in folder.glob(f"{NAME}-*.*")}
    found = {name.split(".")[0] for name in names}
    return sorted(int(step) for step in found if step.isdecimal())


def complete(folder: Path) -> dict[int, Path]:
    """Prefixes of all checkpoints with an index, including the best: by step, ascending."""
    found = {step: prefix(folder / BEST, step) for step in steps(folder / BEST)}
    found |= {step: prefix(folder, step) for step in steps(folder)}
    return dict(sorted(found.items()))


def newest(folder: Path) -> int | None:
    """The highest of their steps; None: there are none."""
    return max(complete(folder), default=None)


def complete_among(names: Iterable[str], folder: str) -> set[int]:
    """The steps of the same, of a folder of which the names of all files below it are known.

    Args:
      names: of the files, with the folder's.
      folder: with a slash at its end.
    """
    inner = [name.removeprefix(folder) for name in names if name.startswith(folder)]
    best = [name.removeprefix(f"{BEST}/") for name in inner]
    return {*steps_among(inner), *steps_among(best)}


def has_index(path: Path) -> bool:
    """Whether the checkpoint with this prefix has an index, which is written last."""
    return Path(f"{path}.index").exists()
