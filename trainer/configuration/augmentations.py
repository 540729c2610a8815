"""The names that `--augment` takes."""

from __future__ import annotations

from trainer.configuration.choices import ADAPTIVE, AUGMENTATIONS
from trainer.system.exits import RefusedError


def parse(text: str) -> str:
    """The names in the order in which they are applied, after `adaptive` if it is among them.

    All are named where `adaptive` stands alone, so that a later version that knows more of them
    reads the same of a run's configuration.

    Raises:
      RefusedError: a name is unknown.
    """
    known = (ADAPTIVE, *AUGMENTATIONS)
    wanted = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := sorted(wanted - set(known)):
        raise RefusedError(f"--augment={text} names {unknown[0]!r}: there are {', '.join(known)}")
    if wanted == {ADAPTIVE}:
        wanted = set(known)
    return ",".join(name for name in known if name in wanted)
