"""The recipes: absl flag files. Comments at the start of each say what it is, for `presets`.

The first line describes it; then come, by name, what it is for and what was measured of it.
"""

from __future__ import annotations

import difflib
from importlib import resources

from trainer.system.exits import RefusedError

_SUFFIX = ".flags"


def names() -> list[str]:
    """The presets there are."""
    folder = resources.files(__name__)
    return sorted(
        entry.name.removesuffix(_SUFFIX)
        for entry in folder.iterdir()
        if entry.name.endswith(_SUFFIX)
    )


def description(name: str) -> str:
    """What the preset is and where it comes from, in one line."""
    return _lines(name)[0].removeprefix("# ")


def remark(name: str, kind: str) -> str:
    """What a comment of the preset says: `for`, `frechet`, `images_a_second`; empty: nothing.

    The Fréchet distance is that of docs/quality.md after 15 minutes of processor time, the speed
    that of docs/performance.md, on two cores.
    """
    start = f"# {kind}: "
    return next((line.removeprefix(start) for line in _lines(name) if line.startswith(start)), "")


def arguments(name: str) -> list[str]:
    """The preset as command line arguments.

    Raises:
      RefusedError: there is no such preset; the nearest names are given.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=2, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names())}"
        raise RefusedError(f"--preset={name} is unknown: {hint}")
    return [line for line in _lines(name) if line and not line.startswith("#")]


def _lines(name: str) -> list[str]:
    text = resources.files(__name__).joinpath(name + _SUFFIX).read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines()]
