"""Pictures that users send to the page: bounded, and in the run's form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from trainer.data import input_pictures, pictures
from trainer.data.datasets import DatasetSpec
from trainer.system.exits import RefusedError

MOST_MEGABYTES = 20
MOST_MEGAPIXELS = 50
TOO_MANY = f"{{name}} has more than {MOST_MEGAPIXELS} million pixels"
BOUNDS = f"Up to {MOST_MEGABYTES} MB and {MOST_MEGAPIXELS} million pixels."


def taken(path: Path, folder: Path, spec: DatasetSpec) -> np.ndarray:
    """What `read` makes of a picture that was sent, whose file is gone then.

    Args:
      path: that a visitor says the picture has.
      folder: where what is sent lies: no other file is read, and none removed.
      spec: of the run's data.

    Raises:
      RefusedError: the path is not of a file in the folder; and as `read`.
    """
    if not path.resolve().is_relative_to(folder.resolve()):
        raise RefusedError(f"{path.name} was not sent to this page")
    if not path.is_file():  # sent twice at once, both have the same path
        raise RefusedError(f"{path.name} is gone: send it again")
    try:
        return read(path, spec)
    finally:
        path.unlink(missing_ok=True)


def read(path: Path, spec: DatasetSpec) -> np.ndarray:
    """A picture file in the run's form: uint8 `[height, width, channels]`.

    Args:
      path: of what was sent.
      spec: of the run's data.

    Raises:
      RefusedError: it is too large, or no picture that can be read.
    """
    if path.stat().st_size > MOST_MEGABYTES * 2**20:
        raise RefusedError(f"{path.name} is larger than {MOST_MEGABYTES} MB")
    try:
        with pictures.opened(path) as picture:  # its header alone
            size = picture.width * picture.height
    except Image.DecompressionBombError as error:
        raise RefusedError(TOO_MANY.format(name=path.name)) from error
    except Exception as error:  # Pillow's plug-ins raise whatever damage leads to
        raise RefusedError(f"{path.name} is not a readable picture") from error
    if size > MOST_MEGAPIXELS * 10**6:
        raise RefusedError(TOO_MANY.format(name=path.name))
    try:
        return input_pictures.fitted(path, spec.image_shape, spec.folder)
    except RefusedError as error:
        raise RefusedError(str(error).replace(str(path), path.name)) from error
