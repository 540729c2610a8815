"""One picture of any kind as pixels: the right way up, on black, 8 bits, of a given size."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

# Larger pictures are reduced in strips, so that the memory holds one copy of their pixels.
LARGE_PIXELS = 2**24
_STRIP_PIXELS = 2**22
_REDUCED_SIDES = 4  # a large picture is first reduced to about this many times the final side

_ROTATIONS = {  # by EXIF's orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """A picture of which only the header has been read.

    Raises:
      Exception: any, as Pillow's plug-ins raise whatever damage leads to.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about damage that no viewer cares about
        with Image.open(path) as picture:
            yield picture


def is_grey(picture: Image.Image) -> bool:
    """Whether a picture's kind has no colours."""
    return picture.mode in ("1", "L", "LA", "I", "F") or picture.mode.startswith("I;16")


def pixels(picture: Image.Image, size: int, channels: int, in_strips: bool) -> np.ndarray:
    """The picture's central square as a viewer shows it.

    Args:
      picture: an opened one.
      size: height and width of the result.
      channels: 1 or 3.
      in_strips: whether large pictures are reduced in strips before anything else.

    Returns:
      uint8 `[size, size, channels]`.

    Raises:
      Exception: as `opened`.
    """
    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers, convert them to 8 or 16 bits")
    picture.load()  # some kinds are turned by it, and then need no turning here
    method = _ROTATIONS.get(_orientation(picture))
    if in_strips and picture.width * picture.height > LARGE_PIXELS:
        picture = _reduced_square(picture, size)
    if method is not None:
        picture = picture.transpose(method)
    return crop_and_resize(_on_black(picture), size, channels)


def has_several_frames(picture: Image.Image) -> bool:
    """Whether more than one picture is in the file; a camera's preview does not count."""
    try:
        return picture.format != "MPO" and bool(getattr(picture, "is_animated", False))
    except Exception:  # the next frame is damaged
        return True


def crop_and_resize(image: Image.Image, size: int, channels: int) -> np.ndarray:
    """The central square, resized with antialiasing: uint8 `[size, size, channels]`."""
    converted = image.convert("L" if channels == 1 else "RGB")
    resized = ImageOps.fit(converted, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(resized, np.uint8).reshape(size, size, channels)


def _orientation(picture: Image.Image) -> int:
    """EXIF's entry alone: others may be damaged, which no viewer cares about."""
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damage shows in many ways
        return 1
    return value if isinstance(value, int) else 1


def _on_black(picture: Image.Image) -> Image.Image:
    """Reduces 16 bits to 8, and puts transparent pictures on black."""
    if picture.mode.startswith("I"):  # 16 bits, which Pillow would clip to 8
        return Image.fromarray((np.asarray(picture, np.int64) // 257).clip(0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        with_alpha = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", with_alpha.size, "black"), with_alpha)
    return picture


def _reduced_square(picture: Image.Image, size: int) -> Image.Image:
    """The central square in colours, averaged over blocks to a few times `size`."""
    side = min(picture.size)
    factor = max(1, side // (_REDUCED_SIDES * size))
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    reduced = Image.new("RGB", (-(-side // factor), -(-side // factor)))
    height = max(1, _STRIP_PIXELS // side // factor) * factor
    for y in range(0, side, height):
        strip = picture.crop((left, top + y, left + side, top + min(y + height, side)))
        reduced.paste(_on_black(strip).convert("RGB").reduce(factor), (0, y // factor))
    return reduced
