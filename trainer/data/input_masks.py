"""Which pixels of a user's pictures are missing: masks as picture files, white where it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from trainer.data import array_files, image_folder, masked_pictures, picture_files, pictures
from trainer.data.datasets import DatasetSpec
from trainer.data.input_pictures import InputPictures
from trainer.data.picture_files import canonical
from trainer.system.exits import RefusedError

WHITE = 128  # and more: missing
_MOST_COLOUR = 32  # between the channels of a pixel that counts as grey
_FLAG = "mask"
_STRIP_PIXELS = 2**22  # of a mask that are looked at at once
_NAMED = 10  # pictures in a refusal


def check_names(source: Path, mask: Path | None) -> None:
    """Refuses files of masks that do not go with a folder's pictures, before any is read.

    Raises:
      RefusedError: there is no mask for the pictures of a folder, or none of a picture's name.
    """
    if mask is None or (array_files.is_named_so(mask) and mask.is_file()) or not source.exists():
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
    if array_files.is_named_so(mask) and mask.is_file():
        masks = array_files.read(mask, _FLAG).masks((height, width), count)
        return replace(found, masks=masks)
    files = _mask_files(mask, found.names)
    originals = _files_of(source)
    if originals is None:
        masks = np.stack([_of_size(file, width, height) for file in files])
        return replace(found, masks=masks)
    images, masks = np.empty_like(found.images), np.empty((count, height, width, 1), np.uint8)
    for row, pair in enumerate(zip(originals, files, strict=True)):
        images[row], masks[row] = _fitted(*pair, found.images[row], spec)
    return replace(found, images=images, masks=masks)


def _mask_files(mask: Path, names: tuple[str, ...]) -> list[Path]:
    """A mask's file for each picture."""
    if not mask.exists():
        raise RefusedError(f"--mask={mask} does not exist: name a picture, a folder or an .npz")
    if not (mask.is_dir() or mask.is_file()):  # a pipe, say, for which this would wait
        raise RefusedError(f"--mask={mask} is not a regular file: name a picture or an .npz")
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
    return None if array_files.is_named_so(source) else [source]


def _read(file: Path) -> np.ndarray:
    """A mask as it is: uint8 `[height, width]`, 1 where white; in strips, as it may be large."""
    picture = _upright(file)
    values = np.empty((picture.height, picture.width), np.uint8)
    rows = max(1, _STRIP_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        strip = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        opaque = pictures.on_ground(pictures.of_8_bits(strip), (0, 0, 0))  # nor is that white
        shown = np.asarray(opaque.convert("RGB"), np.int16)
        if np.ptp(shown, axis=2).max() > _MOST_COLOUR:
            raise RefusedError(
                f"--mask: {file} is in colour: a mask is white where a pixel is missing"
            )
        values[top : top + rows] = shown[:, :, 0]
    brightest = values.max()
    if 0 < brightest < WHITE:
        raise RefusedError(
            f"--mask: {file} has nothing white, its brightest pixel is {brightest} of 255: make it "
            f"255 where pixels are missing, else 0"
        )
    return (values >= WHITE).astype(np.uint8)


def _upright(file: Path) -> Image.Image:
    try:
        with pictures.opened(file) as picture:
            pictures.check_depth(picture)
            return pictures.upright(picture)
    except Exception as error:  # Pillow's plug-ins raise whatever damage leads to
        raise RefusedError(pictures.unreadable(file, error)) from error


def _of_size(file: Path, width: int, height: int) -> np.ndarray:
    mask = _read(file)
    if mask.shape != (height, width):
        raise _other_size(file, mask, f"{width}x{height}, like the pictures")
    return mask[:, :, np.newaxis]


def _fitted(
    picture_file: Path, mask_file: Path, whole: np.ndarray, spec: DatasetSpec
) -> tuple[np.ndarray, np.ndarray]:
    """A picture, fitted already, without what is missing of it; and its mask, fitted alike."""
    mask, picture = _read(mask_file), _upright(picture_file)
    form = image_folder.form_of(spec.image_shape, spec.folder)
    if mask.shape != (picture.height, picture.width):
        wanted = f"{picture.width}x{picture.height}, like {picture_file.name}"
        raise _other_size(mask_file, mask, wanted)
    known = masked_pictures.fitted(picture, mask, whole, form)
    return known, masked_pictures.missing(mask, form)


def _other_size(file: Path, mask: np.ndarray, wanted: str) -> RefusedError:
    height, width = mask.shape
    return RefusedError(f"--mask: {file} has {width}x{height} pixels, but must have {wanted}")
