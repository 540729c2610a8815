"""Flags whose value is some known names, joined by commas."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.configuration.choices import ADAPTIVE, AUGMENTATIONS, MASKS
from trainer.system.exits import RefusedError


def masks(text: str) -> str:
    """Those of `--masks` in the order of `choices.MASKS`, each once.

    Raises:
      RefusedError: a name is unknown.
    """
    return ",".join(_named("masks", text, MASKS))


def augmentations(text: str) -> str:
    """Those of `--augment` in the order in which they are applied, `adaptive` before them.

    All are named where `adaptive` stands alone, so that a later version that knows more of them
    reads the same in a run's configuration.

    Raises:
      RefusedError: a name is unknown.
    """
    known = (ADAPTIVE, *AUGMENTATIONS)
    found = _named("augment", text, known)
    return ",".join(known if found == [ADAPTIVE] else found)


def _named(flag: str, text: str, known: Sequence[str]) -> list[str]:
    names = {name.strip() for name in text.split(",")} - {""}
    if unknown := sorted(names - set(known)):
        raise RefusedError(
            f"--{flag}={text} names {unknown[0]!r}, which is none of {', '.join(known)}"
        )
    return [name for name in known if name in names]
