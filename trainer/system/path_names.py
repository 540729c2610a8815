"""Which paths every library here takes as they are written."""

from __future__ import annotations

import os
from pathlib import Path

from trainer.system.exits import RefusedError

# Of a path and of each name in it, with room for the files that are made below it.
MOST_BYTES, MOST_BYTES_OF_A_NAME = 4096 - 256, 255


def check(name: str, path: Path, for_tensorflow: bool = True) -> None:
    """Refuses a path that some library cannot take as it is written.

    Args:
      name: what the user wrote, for the message.
      path: after expansion.
      for_tensorflow: whether TensorFlow opens it, or files below it.

    Raises:
      RefusedError: as the name says.
    """
    text = str(path)
    # TensorFlow's file functions read them as patterns and escapes.
    if for_tensorflow and (found := sorted(set("*?[\\") & set(text))):
        where = "" if found[0] in name else f", which is {text},"
        raise RefusedError(f"{name}{where} must not contain any of * ? [ \\")
    if any(character < " " or character == "\x7f" for character in text):
        raise RefusedError(f"{name!r} must not contain control characters")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:  # bytes of another encoding
        raise RefusedError(f"{name!r} must be UTF-8") from error
    if len(os.fsencode(text)) > MOST_BYTES or any(
        len(os.fsencode(part)) > MOST_BYTES_OF_A_NAME for part in path.parts
    ):
        raise RefusedError(f"{name[:60]}... cannot be written: the name is too long")
