"""Numbers with their noun, in messages: 1 picture, 2 pictures."""

from __future__ import annotations


def counted(number: int, one: str, more: str | None = None) -> str:
    """The number with `one` or `more` of it; more of them have an s unless said otherwise."""
    return f"{number} {one if number == 1 else more or f'{one}s'}"
