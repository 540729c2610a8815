"""What is said of one image, as people write it and as numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from trainer.data.datasets import Attribute
from trainer.system.exits import RefusedError

NOT_GIVEN = -1

_OTHER_NAMES = {"tshirttop": "tshirt", "ankleboot": "boot"}  # of Fashion-MNIST's classes

Labels = tuple[int, ...]  # a value's number of each attribute, or NOT_GIVEN


def parse(text: str, attributes: Sequence[Attribute], flag: str = "labels") -> Labels:
    """The labels of an image that is described like `dress/red`, or `colour=red`.

    Values by name, in any case and without signs, or by number, written #3 where values themselves
    are numbers; attributes in any order, any of them left out. A number without its attribute's
    name is of the attribute at its place.

    Raises:
      RefusedError: a value is unknown, of several attributes, or one of two of the same attribute.
    """
    found = [NOT_GIVEN] * len(attributes)
    for place, part in enumerate(_parts(text, attributes)):
        index, value = _one(part, place, f"--{flag}={text}", attributes)
        if found[index] != NOT_GIVEN:
            raise RefusedError(f"--{flag}={text} gives two values for {attributes[index].name}")
        found[index] = value
    return tuple(found)


def _parts(text: str, attributes: Sequence[Attribute]) -> list[str]:
    """What stands between slashes, but for those in the name of a value: T-shirt/top."""
    pieces = [piece.strip() for piece in text.split("/")]
    parts = []
    while pieces:
        longest = 1
        for count in range(2, len(pieces) + 1):
            asked, value = _asked("/".join(pieces[:count]), attributes)
            known = [each for index in asked for each in attributes[index].values]
            has_slash = folded(value) in _OTHER_NAMES
            alike = any(_same(each, value) for each in known if has_slash or "/" in each)
            if value in known or (alike and folded(pieces[count - 1])):
                longest = count
        parts.append("/".join(pieces[:longest]))
        del pieces[:longest]
    return parts


def _one(part: str, place: int, given: str, attributes: Sequence[Attribute]) -> tuple[int, int]:
    """An attribute's number, and its value's; `given` is the flag as the user wrote it."""
    asked, value = _asked(part, attributes)
    is_named = value != part
    is_number = _number(value) is not None
    # A number is of the attribute that is named, or of the one at its place.
    there = asked if is_named else [index for index in asked if index == place]
    ways = (
        (_equal, asked),
        (_equal_in_any_case, asked),
        (_equal_numbers, there) if is_number else (_same, asked),
    )
    for same, among in ways:  # the exact name wins
        found = [
            (index, number)
            for index in among
            for number, known in enumerate(attributes[index].values)
            if same(known, value)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            several = " or ".join(f"{attributes[index].name}={value}" for index, _ in found)
            raise RefusedError(f"{given}: {value!r} may be {several}: say which")
    if "=" in part and not is_named:
        names = ", ".join(attribute.name for attribute in attributes)
        name = part.partition("=")[0].strip()
        raise RefusedError(f"{given}: there is no attribute {name!r}, only {names}")
    index = asked[0] if is_named else place
    if index < len(attributes) and _is_number_of(value, attributes[index]):
        return index, int(value.removeprefix("#"))
    listed = "; ".join(f"{attributes[index].name}: {_listed(attributes[index])}" for index in asked)
    raise RefusedError(
        f"{given.partition('=')[0]} names {value!r}, which is not a value; the values are {listed}"
    )


def _asked(part: str, attributes: Sequence[Attribute]) -> tuple[list[int], str]:
    """The attributes that `colour=red` or `red` may be of, and the value, which may have signs."""
    for at, letter in enumerate(part):
        if letter == "=" and (asked := _named(part[:at].strip(), attributes)):
            return asked, part[at + 1 :].strip()
    return list(range(len(attributes))), part


def _named(name: str, attributes: Sequence[Attribute]) -> list[int]:
    """The attributes of that name: exactly that if there is one, else without case and signs."""
    exact = [index for index, each in enumerate(attributes) if each.name == name]
    alike = [index for index, each in enumerate(attributes) if folded(each.name) == folded(name)]
    return exact or alike


def _is_number_of(value: str, attribute: Attribute) -> bool:
    """Whether it is the number of a value, and not a value that does not exist, like size 9."""
    digits = value.removeprefix("#")
    is_clear = digits != value or not _has_numbers(attribute)
    return is_clear and digits.isdecimal() and int(digits) < len(attribute.values)


def _has_numbers(attribute: Attribute) -> bool:
    """Whether most of the values are themselves numbers, as sizes are."""
    numbers = [value for value in attribute.values if _number(value) is not None]
    return 2 * len(numbers) > len(attribute.values)


def _number(text: str) -> float | None:
    """What a value says, as 36.5 of sizes; None of one that is no number."""
    return float(text) if re.fullmatch(r"[+-]?\d+(\.\d*)?", text, re.ASCII) else None


def _equal(known: str, written: str) -> bool:
    return known == written


def _equal_in_any_case(known: str, written: str) -> bool:
    return _composed(known).casefold() == _composed(written).casefold()


def _equal_numbers(known: str, written: str) -> bool:
    """As of 4 and 4.0, which tables have where numbers are missing in a column."""
    return _number(known) == _number(written)


def _same(known: str, written: str) -> bool:
    """Whether only case and signs differ, or it is another name that the data's authors use."""
    return folded(known) in (folded(written), _OTHER_NAMES.get(folded(written)))


def folded(name: str) -> str:
    """A name as it is compared: letters and digits in lower case."""
    return "".join(letter for letter in _composed(name).casefold() if letter.isalnum())


def _composed(name: str) -> str:
    """With letters as most systems write them; macOS takes accents apart in names of files."""
    return unicodedata.normalize("NFC", name)


def _listed(attribute: Attribute) -> str:
    sign = "#" if _has_numbers(attribute) else ""
    return ", ".join(f"{sign}{number} {value}" for number, value in enumerate(attribute.values))
