"""Numbers as the training computes with them: in float32."""

from __future__ import annotations

import dataclasses
import math
import struct
from typing import Any, TypeVar

from trainer.configuration.choices import NETWORKS
from trainer.system.exits import RefusedError

SMALLEST = 2.0**-126  # what is smaller loses digits, or is taken for zero
LARGEST = (2 - 2.0**-23) * 2.0**127

Part = TypeVar("Part")


def in_float32(part: Part, prefix: str = "") -> Part:
    """A dataclass of a recipe with its floats as float32 has them, to be judged by.

    Args:
      part: the recipe, or one of the dataclasses in it.
      prefix: of the flags that decide its fields.

    Raises:
      RefusedError: a number that is not zero would count as zero, or as infinite.
    """
    rounded: dict[str, Any] = {}
    for field in dataclasses.fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        if isinstance(value, float):
            rounded[field.name] = rounded_to_float32(prefix + field.name, value)
        elif dataclasses.is_dataclass(value):
            inner = f"{field.name}_" if field.name in NETWORKS else prefix
            rounded[field.name] = in_float32(value, inner)
    return dataclasses.replace(part, **rounded)  # type: ignore[type-var]


def rounded_to_float32(flag: str, value: float) -> float:
    """A flag's number in float32, with the fewest digits that identify it; infinities stay.

    Raises:
      RefusedError: as for `in_float32`.
    """
    if value == 0 or not math.isfinite(value):
        return value
    if not SMALLEST <= abs(value) <= LARGEST:
        raise RefusedError(
            f"--{flag}={value} would be {'zero' if abs(value) < 1 else 'infinite'} in float32, in "
            f"which training computes: use 0, or a value from {SMALLEST:.1e} to {LARGEST:.1e}"
        )
    single = _single(value)
    texts = (f"{single:.{digits}g}" for digits in range(1, 10))
    return float(next(text for text in texts if _single(float(text)) == single))


def _single(value: float) -> float:
    (single,) = struct.unpack("f", struct.pack("f", value))
    return float(single)
