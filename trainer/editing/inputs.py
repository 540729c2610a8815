"""What a user gives to be edited: pictures, or an .npz that says what decides its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.configuration.config import Recipe
from trainer.data import array_files, input_pictures
from trainer.data.input_pictures import InputPictures
from trainer.editing import codes
from trainer.editing.codes import Codes


@dataclass(frozen=True)
class Input:
    """Pictures, or codes of a file; the other is None."""

    name: str  # as the user gave it, for messages
    pictures: InputPictures | None
    codes: Codes | None

    def __len__(self) -> int:
        """The number of images."""
        if self.codes is not None:
            return len(self.codes)
        assert self.pictures is not None
        return len(self.pictures.images)


def read(path: Path, recipe: Recipe, flag: str, beside_styles: Sequence[str] = ()) -> Input:
    """What is there, by what the run can take.

    Args:
      path: what the user names.
      recipe: of the run.
      flag: by which it is named.
      beside_styles: as of `codes.read`.

    Raises:
      RefusedError: there is nothing of the kind, or of another shape or size.
    """
    name = f"--{flag}={path}"
    if array_files.is_named_so(path) and path.is_file():
        arrays = array_files.read(path, flag)
        if codes.are_in(arrays):
            return Input(name, None, codes.read(arrays, recipe, beside_styles))
    pictures = input_pictures.read(path, recipe.data, flag)
    input_pictures.warn_of_ground(pictures, recipe.data, name)
    return Input(name, pictures, None)
