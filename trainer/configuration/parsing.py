"""A command line as absl's flag values, or the request for help in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from absl import flags

from trainer.configuration import flag_definitions, flag_groups, help_text
from trainer.system.exits import RefusedError

# What Python and absl say of numbers, and what is said instead.
_OF_NUMBERS = (
    (r"flag (--\w+=.*): invalid literal for int\(\).*", r"\1 is not a whole number"),
    (r"flag (--\w+=.*): could not convert string to float.*", r"\1 is not a number"),
    (
        r"flag (--\w+=.*): \S+ is not an integer in the range \[(\d+), (\d+)\]",
        r"\1 must be from \2 to \3",
    ),
)


class HelpRequested(Exception):
    """The user asked for help; the message is the help."""


def parse(argv: Sequence[str], define: Callable[[flags.FlagValues], None]) -> flags.FlagValues:
    """Parses `argv` into new flag values.

    Raises:
      RefusedError: an unknown flag, a bad value, a required flag missing, a stray argument.
      HelpRequested: `--help` stands among the arguments.
    """
    values = flags.FlagValues()
    define(values)
    flag_definitions.log(values)
    if help_text.WORDS & set(argv):
        raise HelpRequested(help_text.of(in_force(argv, define)))
    try:
        stray = values(list(argv))[1:]
    except (flags.Error, UnicodeError) as error:
        text = _in_plain_words(error, values)
        if missing := re.match(r"flag --(\w+)=None: ", text):
            text = f"--{missing[1]}={flag_groups.PLACEHOLDERS[missing[1]]} is needed"
        raise RefusedError(text) from error
    if stray:
        raise RefusedError(f"stray argument {stray[0]!r}: flags are written --name=value")
    return values


def in_force(argv: Sequence[str], define: Callable[[flags.FlagValues], None]) -> flags.FlagValues:
    """The flags as they would be without the request for help, even if some are missing."""
    values = flags.FlagValues()
    define(values)
    flag_definitions.log(values)
    try:
        values([argument for argument in argv if argument not in help_text.WORDS])
    except flags.IllegalFlagValueError as error:
        if "=None: " not in str(error):
            raise RefusedError(_in_plain_words(error, values)) from error
    except (flags.Error, UnicodeError) as error:
        raise RefusedError(_in_plain_words(error, values)) from error
    return values


def _in_plain_words(error: Exception, values: flags.FlagValues) -> str:
    """An error of absl's in a line."""
    text = " ".join(str(error).split())
    if isinstance(error, flags.UnrecognizedFlagError) and "Did you mean" not in text:
        likely = sorted(name for name in values if _is_short_for(error.flagname, name))
        return f"{text}. Did you mean: {', '.join(likely)} ?" if likely else text
    for pattern, words in _OF_NUMBERS:
        if found := re.fullmatch(pattern, text):
            return found.expand(words)
    return text


def _is_short_for(said: str, name: str) -> bool:
    """Whether a flag's name ends like this, or the initials of its words do: learning_rate, lr."""
    initials = "".join(word[0] for word in name.split("_"))
    return name.endswith(f"_{said}") or (len(said) > 1 and initials.endswith(said))
