"""A command's `--help`: what is needed first, then flags in groups, with the values in force."""

from __future__ import annotations

import re
import textwrap

from absl import flags

from trainer.configuration import explanations
from trainer.configuration.flag_groups import PLACEHOLDERS

WORDS = frozenset({"--help", "-help", "-h", "--helpfull"})  # that ask for it
COLUMNS = 100
_INDENT = " " * 6
_KINDS = {"int": "NUMBER", "float": "NUMBER"}  # placeholders of flags without a value, by type


def of(values: flags.FlagValues) -> str:
    """The help for flags that have been parsed, as far as they are given.

    Args:
      values: of a command; what is shown is what would be in force.
    """
    groups = values.flags_by_module_dict()
    needed = [flag for group in groups.values() for flag in group if _is_needed(flag)]
    sections = [("needed", needed)] if needed else []
    sections += [
        (name, others)
        for name, group in groups.items()
        if (others := [flag for flag in group if not _is_needed(flag)])
    ]
    return "\n\n".join("\n".join([f"{name}:", *map(_described, group)]) for name, group in sections)


def _is_needed(flag: flags.Flag) -> bool:
    """Whether absl refuses its absence: bounds are validators, too."""
    return any("other than None" in str(validator.message) for validator in flag.validators)


def _described(flag: flags.Flag) -> str:
    lines = [f"  --{flag.name}={_value(flag)}", *_wrapped(re.sub(r"^<[^>]*>: ", "", flag.help))]
    explained = explanations.OF_CHOICES.get(flag.name, {})
    names = getattr(flag.parser, "enum_values", None)
    if names and not explained:
        lines += _wrapped(f"One of {', '.join(names)}.")
    for name in names or ():
        if explained:
            lines += _wrapped(f"{name}: {explained[name]}" if name in explained else name, "  ")
    return "\n".join(lines)


def _value(flag: flags.Flag) -> str:
    if flag.value is None:
        return PLACEHOLDERS.get(flag.name) or _KINDS.get(flag.flag_type(), "NAME")
    if isinstance(flag.value, bool):
        return str(flag.value).lower()
    return f"{flag.value:g}" if isinstance(flag.value, float) else str(flag.value)


def _wrapped(text: str, more: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=_INDENT + more,
        subsequent_indent=_INDENT + 2 * more,
        break_on_hyphens=False,
    )
