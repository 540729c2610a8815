"""Flags that stand together in a command's `--help`."""

from __future__ import annotations

from collections.abc import Iterable

from absl import flags

PLACEHOLDERS = {
    "folder": "FOLDER",
    "input": "FILE",
    "job_dir": "FOLDER",
    "latents": "FILE",
    "output": "FILE",
}
MOST = 10**9  # more steps, images or the like than any run can have


class Group:
    """Defines flags that stand together in a command's `--help`."""

    def __init__(self, values: flags.FlagValues, name: str) -> None:
        self._where = {"flag_values": values, "module_name": name}

    def text(self, name: str, default: str | None, text: str, required: bool = False) -> None:
        """A string."""
        flags.DEFINE_string(name, default, text, required=required, **self._where)

    def integer(
        self, name: str, default: int | None, text: str, lowest: int, highest: int = MOST
    ) -> None:
        """A whole number within bounds, both included."""
        flags.DEFINE_integer(name, default, text, lowest, highest, **self._where)

    def number(self, name: str, default: float | None, text: str) -> None:
        """A number."""
        flags.DEFINE_float(name, default, text, **self._where)

    def choice(self, name: str, default: str | None, choices: Iterable[str], text: str) -> None:
        """One of some names."""
        flags.DEFINE_enum(name, default, list(choices), text, **self._where)

    def switch(self, name: str, default: bool, text: str) -> None:
        """A yes or no."""
        flags.DEFINE_boolean(name, default, text, **self._where)
