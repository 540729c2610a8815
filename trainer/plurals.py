"""Numbers with their noun, in messages: 1 picture, 2 pictures; and some of many names."""

from __future__ import annotations

from collections.abc import Sequence

_NAMED = 10  # of one kind, at most, in a message
_LONGEST = 60  # characters of a name, which may be a file's whole line


def counted(number: int, one: str, more: str | None = None) -> str:
    """The number with `one` or `more` of it; more of them have an s unless said otherwise."""
    return f"{number} {one if number == 1 else more or f'{one}s'}"


def listed(names: Sequence[str]) -> str:
    """Some of many names."""
    shown = (name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..." for name in names[:_NAMED])
    return ", ".join(shown) + (", ..." if len(names) > _NAMED else "")
