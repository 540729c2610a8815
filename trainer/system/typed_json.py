"""Values of dataclasses from the JSON that they were written as."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any


def build(kind: Any, value: Any, name: str = "") -> Any:
    """A value of the type that a field is declared with, from its JSON.

    Args:
      kind: a dataclass, or another type that JSON has, or tuples of them, or one of them or None.
      value: what `json.loads` has made of `dataclasses.asdict`.
      name: of the field, for messages.

    Raises:
      TypeError: it is of another type, or a field is unknown.
      KeyError: a field is missing.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return _build_dataclass(kind, value)
    if origin is UnionType:
        (plain,) = set(inner) - {NoneType}
        return None if value is None else build(plain, value, name)
    if origin is tuple and isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[1:] == (...,) else list(inner)
        if len(kinds) == len(value):
            return tuple(build(of, each, name) for of, each in zip(kinds, value, strict=True))
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is (origin or kind):
        return value
    raise TypeError(f"{name} is {value!r}")


def _build_dataclass(kind: Callable[..., Any], value: dict[str, Any]) -> Any:
    types = typing.get_type_hints(kind)
    if unknown := sorted(value.keys() - types.keys()):
        raise TypeError(f"unknown: {', '.join(unknown)}")
    return kind(**{name: build(of, value[name], name) for name, of in types.items()})
