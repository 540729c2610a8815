"""One picture of any kind as pixels: the right way up, on a colour, 8 bits, of a given size."""

from __future__ import annotations

import errno
import functools
import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from trainer.plurals import counted, listed

# Larger pictures are reduced in strips, so that the memory holds one copy of their pixels.
LARGE_PIXELS = 2**24
MOST_PIXELS = 2**29
Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2  # from which Pillow warns; it refuses twice as many
_STRIP_PIXELS = 2**22
_REMARKS = ("ignore", None, Warning, re.compile(r"PIL\b"), 0)  # among `warnings.filters`
_REDUCED_SIDES = 4  # a large picture is first reduced to about this many times the final side

_BITS, _PHOTOMETRIC = 258, 262  # entries of a TIFF
_ROTATIONS = {  # by EXIF's orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels


@contextmanager
def opened(file: Path | BinaryIO) -> Iterator[Image.Image]:
    """A picture of which only the header has been read.

    Raises:
      Exception: any, as Pillow's plug-ins raise whatever damage leads to.
    """
    # About damage that no viewer cares about. `catch_warnings` would not do in threads, for what it
    # puts back is the whole process's.
    if _REMARKS not in warnings.filters:
        warnings.filterwarnings("ignore", module=_REMARKS[3].pattern)
    with Image.open(file) as picture:
        yield picture


def unreadable(path: Path, error: BaseException) -> str:
    """What is said of a broken picture.

    Raises:
      OSError, MemoryError: the error itself, where nothing is wrong with the picture.
    """
    if isinstance(error, MemoryError):
        raise error
    if isinstance(error, OSError) and error.errno and not _is_of_damaged_offsets(error):
        raise OSError(error.errno, error.strerror, str(error.filename or path)) from error
    reason = str(error)
    if isinstance(error, UnidentifiedImageError):  # which shows an object of Python's
        reason = "its content is of an unknown kind" if path.stat().st_size else "it is empty"
    return f"{path} is not a readable picture ({reason}): repair or remove it"


def _is_of_damaged_offsets(error: OSError) -> bool:
    """Whether Pillow has looked for something at an impossible place in an open file."""
    return error.filename is None and error.errno in (errno.EINVAL, errno.EOVERFLOW)


def is_grey(picture: Image.Image) -> bool:
    """Whether a picture's kind has no colours."""
    return picture.mode in ("1", "L", "LA", "I", "F") or picture.mode.startswith("I;16")


@dataclass(frozen=True)
class Form:
    """What pictures become."""

    side: int  # height and width in pixels
    channels: int  # 1 or 3
    fit: str  # crop: the central square; pad: all of it, with margins
    background: tuple[int, int, int]  # of margins, and behind transparent pixels
    in_strips: bool = True  # whether large pictures are reduced in strips before anything else
    pads_slivers: bool = field(default=False, repr=False)  # see `picture_files.Rules`
    true_colours: bool = field(default=False, repr=False)  # likewise


def pixels(picture: Image.Image, form: Form) -> np.ndarray:
    """The picture as a viewer shows it, in the given form.

    Args:
      picture: an opened one.
      form: of the result.

    Returns:
      uint8 `[side, side, channels]`.

    Raises:
      Exception: as `opened`.
    """
    check_depth(picture, form.true_colours)
    method = _turn(picture)
    if is_reduced(picture.size, form):
        picture = reduced(picture.size, form, lambda box: opaque(picture.crop(box), form))
    if method is not None:
        picture = picture.transpose(method)
    return fitted(opaque(picture, form), form)


def check_depth(picture: Image.Image, true_colours: bool = True) -> None:
    """Refuses pixels of which nothing says what is white.

    Raises:
      ValueError: they are numbers of more than 16 bits, or of fewer in as many.
    """
    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers, convert them to 8 or 16 bits")
    if picture.mode == "I" and picture.format == "TIFF":
        raise ValueError("its pixels are 32-bit numbers, convert them to 8 or 16 bits")
    if true_colours and picture.format == "TIFF" and picture.mode.startswith("I"):
        tags = getattr(picture, "tag_v2", {})
        bits, is_white_zero = tags.get(_BITS, (16,)), tags.get(_PHOTOMETRIC) == 0
        if tuple(bits) != (16,) or is_white_zero:
            which = "with white as 0" if is_white_zero else f"of {bits[0]} bits"
            raise ValueError(f"its pixels are grey {which}, convert them to 8 or 16 bits")


def of_8_bits(picture: Image.Image) -> Image.Image:
    """The picture with 16 bits reduced to 8, which Pillow would clip."""
    if not picture.mode.startswith("I"):
        return picture
    return Image.fromarray((np.asarray(picture, np.int64) // 257).clip(0, 255).astype(np.uint8))


def as_shown(picture: Image.Image, form: Form) -> Image.Image:
    """The picture in 8 bits, and in the colours of sRGB if the form has true ones."""
    if not form.true_colours:
        return of_8_bits(picture)
    transparent = picture.info.get("transparency")
    if picture.mode.startswith("I") and isinstance(transparent, int):
        alpha = (np.asarray(picture, np.int64) != transparent) * np.uint8(255)
        return Image.merge("LA", (of_8_bits(picture), Image.fromarray(alpha)))
    return _in_srgb(of_8_bits(picture))


def _in_srgb(picture: Image.Image) -> Image.Image:
    """The colours that a picture's profile says it has, as numbers of sRGB."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture
    is_transparent = picture.has_transparency_data
    if picture.mode == "P" or (picture.mode == "RGB" and is_transparent):  # one of its colours is
        picture = picture.convert("RGBA" if is_transparent else "RGB")
    if picture.mode not in ("RGB", "RGBA", "CMYK"):
        return picture
    transform = _to_srgb(profile, picture.mode)
    return picture if transform is None else transform.apply(picture)


@functools.lru_cache(maxsize=64)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """What makes sRGB of a profile's colours; None: they are, or the profile is damaged.

    By the colours themselves, black made black, as browsers show them. A damaged profile, or one of
    other pixels, is left aside, as viewers do.
    """
    try:
        theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        of, called = theirs.profile.xcolor_space.strip(), ImageCms.getProfileDescription(theirs)
        is_srgb = "sRGB" in called and "linear" not in called.lower()
        if of != mode.removesuffix("A") or is_srgb:
            return None
        shown = "RGB" if mode == "CMYK" else mode
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE  # for threads
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(theirs, srgb, mode, shown, intent, flags)
    except (OSError, ImageCms.PyCMSError, ValueError, TypeError):
        return None


def has_several_frames(picture: Image.Image) -> bool:
    """Whether more than one picture is in the file; a camera's preview does not count."""
    try:
        return picture.format != "MPO" and bool(getattr(picture, "is_animated", False))
    except Exception:  # the next frame is damaged
        return True


def first_frames(names: Sequence[str]) -> str:
    """What is said of files of several pictures, by their names."""
    what = counted(len(names), "picture has", "pictures have")
    return f"{what} several frames; the first is used: {listed(sorted(names))}"


def fitted(image: Image.Image, form: Form) -> np.ndarray:
    """An opaque picture, resized with antialiasing: uint8 `[side, side, channels]`."""
    converted = image.convert("L" if form.channels == 1 else "RGB")
    square = resized(converted, form, Image.Resampling.LANCZOS)
    return np.asarray(square, np.uint8).reshape(form.side, form.side, form.channels)


def resized(image: Image.Image, form: Form, resampling: Image.Resampling) -> Image.Image:
    """The square of the form's side that shows what the form does."""
    if form.fit == "pad":
        return _padded(image, form, resampling)
    return ImageOps.fit(image, (form.side, form.side), resampling)


def _padded(image: Image.Image, form: Form, resampling: Image.Resampling) -> Image.Image:
    """All of the picture in a square, at least a pixel high and wide, where Pillow leaves none."""
    scale = form.side / max(image.size)
    if form.pads_slivers and round(scale * min(image.size)) == 0:
        width, height = (max(1, round(scale * length)) for length in image.size)
        image = image.resize((width, height), resampling)
    colour = form.background[0] if form.channels == 1 else form.background
    return ImageOps.pad(image, (form.side, form.side), resampling, color=colour)


def upright(picture: Image.Image) -> Image.Image:
    """An opened picture, turned as a viewer shows it.

    Raises:
      Exception: as `opened`.
    """
    method = _turn(picture)
    return picture if method is None else picture.transpose(method)


def _turn(picture: Image.Image) -> Image.Transpose | None:
    """How a picture, which is read by this, is to be turned."""
    picture.load()  # some kinds are turned by it, and then need no turning here
    return _ROTATIONS.get(_orientation(picture))


def _orientation(picture: Image.Image) -> int:
    """EXIF's entry alone: others may be damaged, which no viewer cares about."""
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damage shows in many ways
        return 1
    return value if isinstance(value, int) else 1


def opaque(picture: Image.Image, form: Form) -> Image.Image:
    """As it is shown, transparent pictures on the background."""
    return on_ground(as_shown(picture, form), form.background)


def on_ground(picture: Image.Image, ground: tuple[int, int, int]) -> Image.Image:
    """A picture of 8 bits as it looks before a colour, where it is transparent."""
    if not picture.has_transparency_data:
        return picture
    with_alpha = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", with_alpha.size, ground), with_alpha)


def is_reduced(size: tuple[int, int], form: Form) -> bool:
    """Whether a picture, of this width and height, is reduced before anything else."""
    return form.in_strips and size[0] * size[1] > LARGE_PIXELS


def reduced(
    size: tuple[int, int], form: Form, strip: Callable[[Box], Image.Image], mode: str = "RGB"
) -> Image.Image:
    """What the form shows of a picture, averaged over blocks to a few times the side.

    Args:
      size: of the picture.
      form: of the result.
      strip: gives the part of it in a box.
      mode: of the result.
    """
    width, height = size
    if form.fit != "pad":
        width = height = min(size)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    factor = max(1, max(width, height) // (_REDUCED_SIDES * form.side))
    result = Image.new(mode, (-(-width // factor), -(-height // factor)))
    rows = max(1, _STRIP_PIXELS // width // factor) * factor
    for y in range(0, height, rows):
        part = strip((left, top + y, left + width, top + min(y + rows, height)))
        result.paste(part.convert(mode).reduce(factor), (0, y // factor))
    return result
