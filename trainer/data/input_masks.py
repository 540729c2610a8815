"""Which pixels of a user's pictures are missing: masks as picture files, white where it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from trainer.data import array_files, image_folder, picture_files, pictures
from trainer.data.datasets import DatasetSpec
from trainer.data.input_pictures import ARRAYS, InputPictures
from trainer.data.picture_files import canonical
from trainer.system.exits import RefusedError

WHITE = 128  # and more: missing
_MOST_COLOUR = 32  # between the channels of a pixel that counts as grey
_FLAG = "mask"
_NAMED = 10  # pictures in a refusal


def check_names(source: Path, mask: Path | None) -> None:
    """Refuses files of masks that do not go with a folder's pictures, before any is read.

    Raises:
      RefusedError: there is no mask for the pictures of a folder, or none of a picture's name.
    """
    if mask is None or (mask.suffix == ARRAYS and mask.is_file()) or not source.exists():
        return
    pictures_of = _files_of(source)
    if source.is_dir() and pictures_of:
        _mask_files(mask, tuple(picture_files.names(pictures_of, source)))


def with_masks(found: InputPictures, source: Path, mask: Path | None, spec: DatasetSpec):
    """The pictures with masks, of which each leaves something to do and something to go by.

    Args:
      found: of `--input`.
      source: what it named.
      mask: a mask for all, a folder of masks by the pictures' names, or an .npz with `masks`;
        None: those of the input.
      spec: of the run's data.

    Returns:
      InputPictures with masks, and with nothing left in the pictures of what is missing.

    Raises:
      RefusedError: there is no mask, or it is of another size, coloured, or all one.
    """
    if mask is not None:
        found = _masked(found, source, mask, spec)
    if found.masks is None:
        raise RefusedError(
            f"--input={source} marks no pixel as missing: add --mask, a picture that is white "
            "where pixels are missing, or add masks to the .npz"
        )
    missing = found.masks.mean(axis=(1, 2, 3))
    useless = [
        f"all of picture {name} is "
        f"{'missing, so nothing is known' if share else 'known, so nothing is missing'}"
        for name, share in zip(found.names, missing, strict=True)
        if share in (0, 1)
    ]
    if useless:
        more = "; ..." if len(useless) > _NAMED else ""
        raise RefusedError(f"--mask: {'; '.join(useless[:_NAMED])}{more}")
    return replace(found, images=np.where(found.masks, np.uint8(0), found.images))


def _masked(found: InputPictures, source: Path, mask: Path, spec: DatasetSpec) -> InputPictures:
    count, (height, width, _) = len(found.images), spec.image_shape
    if mask.suffix == ARRAYS and mask.is_file():
        masks = array_files.read(mask, _FLAG).masks((height, width), count)
        return replace(found, masks=masks)
    files = _mask_files(mask, found.names)
    originals = _files_of(source)
    if originals is None:
        masks = np.stack([_of_size(file, width, height) for file in files])
        return replace(found, masks=masks)
    images, masks = np.empty_like(found.images), np.empty((count, height, width, 1), np.uint8)
    for row, pair in enumerate(zip(originals, files, strict=True)):
        images[row], masks[row] = _fitted(*pair, spec)
    return replace(found, images=images, masks=masks)


def _mask_files(mask: Path, names: tuple[str, ...]) -> list[Path]:
    """A mask's file for each picture."""
    if not mask.exists():
        raise RefusedError(f"--mask={mask} does not exist: name a picture, a folder or an .npz")
    if not mask.is_dir():
        return [mask] * len(names)
    paths = picture_files.find(mask, picture_files.CURRENT, _FLAG).pictures
    there = {canonical(path.relative_to(mask)): path for path in paths}
    there |= dict(zip(map(canonical, picture_files.names(paths, mask)), paths, strict=True))
    if missing := [name for name in names if canonical(name) not in there]:
        raise RefusedError(f"--mask={mask} has no mask named {missing[0]}, the name of a picture")
    return [there[canonical(name)] for name in names]


def _files_of(source: Path) -> list[Path] | None:
    """The files that pictures were read from; None: they are arrays."""
    if source.is_dir():
        return picture_files.find(source, picture_files.CURRENT, "input").pictures
    return None if source.suffix == ARRAYS else [source]


def _read(file: Path) -> np.ndarray:
    """A mask as it is: uint8 `[height, width]`, 1 where white."""
    try:
        with pictures.opened(file) as picture:
            upright = pictures.of_8_bits(pictures.upright(picture))
            opaque = pictures.on_ground(upright, (0, 0, 0))  # what is transparent is not white
            shown = np.asarray(opaque.convert("RGB"), np.int16)
    except Exception as error:  # Pillow's plug-ins raise whatever damage leads to
        raise RefusedError(pictures.unreadable(file, error)) from error
    if np.ptp(shown, axis=2).max() > _MOST_COLOUR:
        raise RefusedError(f"--mask: {file} is in colour: a mask is white where a pixel is missing")
    return (shown[:, :, 0] >= WHITE).astype(np.uint8)


def _of_size(file: Path, width: int, height: int) -> np.ndarray:
    mask = _read(file)
    if mask.shape != (height, width):
        raise _other_size(file, mask, f"{width}x{height}, like the pictures")
    return mask[:, :, np.newaxis]


def _fitted(
    picture_file: Path, mask_file: Path, spec: DatasetSpec
) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its mask, fitted alike; what is missing does not shine into what is known."""
    mask = _read(mask_file)
    form = image_folder.form_of(spec.image_shape, spec.folder)
    with pictures.opened(picture_file) as opened:
        whole = pictures.as_shown(pictures.upright(opened), form).convert("RGBA")
    if mask.shape != (whole.height, whole.width):
        wanted = f"{whole.width}x{whole.height}, like {picture_file.name}"
        raise _other_size(mask_file, mask, wanted)
    values = np.array(whole)
    if (mask == 0).any():
        values[mask == 1] = values[mask == 0].mean(axis=0)
    shares = pictures.shares(mask, form)
    # A pixel is missing if any part of it is.
    return pictures.pixels(Image.fromarray(values), form), (shares > 0).astype(np.uint8)


def _other_size(file: Path, mask: np.ndarray, wanted: str) -> RefusedError:
    height, width = mask.shape
    return RefusedError(f"--mask: {file} has {width}x{height} pixels, but must have {wanted}")
