"""Pictures that a panel shows, and the command that makes the same ones."""

from __future__ import annotations

import io
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from trainer.configuration.config import Recipe
from trainer.data import labels
from trainer.data.datasets import Attribute
from trainer.data.labels import NOT_GIVEN, Labels
from trainer.editing.codes import Codes


@dataclass(frozen=True)
class Command:
    """A command line, and the files that it reads: the page offers them to be saved."""

    name: str
    arguments: tuple[str, ...]
    files: dict[str, bytes] = field(default_factory=dict)

    def line(self) -> str:
        """As it is typed into a shell."""
        return shlex.join(["fashion-gan", self.name, *self.arguments])


@dataclass(frozen=True)
class Shown:
    """Pictures in rows."""

    images: np.ndarray  # uint8 [N, height, width, channels], row by row, as the command makes them
    captions: tuple[str, ...]  # of each
    command: Command
    rows: tuple[str, ...] = ()  # their names; none: as many pictures in a row as there is room for


def written(wanted: Labels, attributes: Sequence[Attribute]) -> str:
    """Labels as `labels.parse` reads them, and as nothing in `--labels` splits them."""
    given = [(index, value) for index, value in enumerate(wanted) if value != NOT_GIVEN]
    text = "/".join(_written(index, value, attributes) for index, value in given)
    if not given or _is_clear(text, wanted, attributes):
        return text
    return "/".join(f"{attributes[index].name}=#{value}" for index, value in given)


def _written(index: int, value: int, attributes: Sequence[Attribute]) -> str:
    """A value: its name, if that is clear, else with its attribute's, else its number."""
    attribute, wanted = attributes[index], [NOT_GIVEN] * len(attributes)
    wanted[index] = value
    name = attribute.values[value]
    for text in (name, f"{attribute.name}={name}"):
        if _is_clear(text, tuple(wanted), attributes):
            return text
    return f"{attribute.name}=#{value}"


def _is_clear(text: str, wanted: Labels, attributes: Sequence[Attribute]) -> bool:
    if text != text.strip() or "," in text or text.startswith('"'):
        return False
    try:
        return labels.parse(text, attributes) == wanted
    except Exception:  # several values are so called
        return False


def labels_flag(flag: str, asked: Sequence[Labels], recipe: Recipe) -> list[str]:
    """The flag that asks for labels; none where nothing is asked for."""
    texts = [written(each, recipe.data.attributes) for each in asked]
    return [f"--{flag}={','.join(texts)}"] if any(texts) else []


def arrays(**fields: np.ndarray) -> bytes:
    """The content of an .npz."""
    content = io.BytesIO()
    np.savez_compressed(content, **fields)  # type: ignore[arg-type]
    return content.getvalue()


def codes_file(codes: Codes) -> bytes:
    """The .npz of codes, as `generate --latents` and `edit --input` read it."""
    return arrays(labels=codes.labels, **codes.fields())
