"""Images side by side, with names: arrays of them as one picture."""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_MARGIN = 2  # pixels around each image of a grid
_ZOOM = 2  # of a grid of small images, so that they can be seen
_SMALL_SIDE = 64
_MOST_OF_A_ROW = 16  # images in one row of a few
PAGE = 480  # pixels that a page shows without being filled by them
_WHITE = 255
_FONT_SIZE, TITLE_HEIGHT, _PADDING = 13, 24, 6
_MOST_OF_NAME, _START_OF_NAME = 28, 7  # letters


def grid(images: np.ndarray, columns: int = 0) -> np.ndarray:
    """Images side by side on white.

    Args:
      images: uint8 `[N, height, width, channels]`.
      columns: images in a row; 0: so many that the grid is about as wide as high.

    Returns:
      uint8 `[grid height, grid width, channels]`.
    """
    count, height, width, channels = images.shape
    columns = columns or square(count)
    rows = math.ceil(count / columns)
    cell = (height + 2 * _MARGIN, width + 2 * _MARGIN)
    canvas = np.full((rows * cell[0], columns * cell[1], channels), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * cell[0] + _MARGIN, index % columns * cell[1] + _MARGIN
        canvas[top : top + height, left : left + width] = image
    zoom = _zoom(height)
    return canvas.repeat(zoom, axis=0).repeat(zoom, axis=1)


def square(count: int) -> int:
    """The columns of a grid of so many images that is about as wide as high."""
    return math.isqrt(count - 1) + 1


def size(rows: int, columns: int, image_shape: tuple[int, int, int]) -> tuple[int, int]:
    """Height and width of a grid of images of this height, width and channels, in pixels."""
    height, width, _ = image_shape
    zoom = _zoom(height)
    return rows * (height + 2 * _MARGIN) * zoom, columns * (width + 2 * _MARGIN) * zoom


def _zoom(height: int) -> int:
    return _ZOOM if height <= _SMALL_SIDE else 1


def rows(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A grid with a row for each label, in their order; white where a row has fewer images.

    Args:
      images: uint8 `[N, height, width, channels]`.
      labels: int `[N]`.
    """
    of_label = [images[labels == label] for label in dict.fromkeys(labels.tolist())]
    columns = max(map(len, of_label))
    cells = np.full((len(of_label), columns, *images.shape[1:]), 255, np.uint8)
    for row, some in zip(cells, of_label, strict=True):
        row[: len(some)] = some
    return grid(cells.reshape(-1, *images.shape[1:]), columns)


def with_row_names(picture: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """A grid with the name of each row, of which all are equally high, to its left.

    Args:
      picture: uint8 `[height, width, 1 or 3]`.
      names: of the rows from above; none: the picture stays as it is.
    """
    if not names:
        return picture
    font, shown = _font(), [_shortened(name) for name in names]
    width = math.ceil(max(font.getlength(name) for name in shown)) + 2 * _PADDING
    strip = Image.new("L", (width, picture.shape[0]), _WHITE)
    row = picture.shape[0] / len(names)
    for number, name in enumerate(shown):
        at = (width - _PADDING, (number + 0.5) * row)
        ImageDraw.Draw(strip).text(at, name, fill=0, font=font, anchor="rm")
    return np.concatenate([_channels_as(picture, strip), picture], axis=1)


def _shortened(name: str) -> str:
    """Its ends, by which paths differ and after which figures stand, as one line."""
    name = _one_line(name)
    if len(name) <= _MOST_OF_NAME:
        return name
    return f"{name[:_START_OF_NAME]}…{name[_START_OF_NAME + 1 - _MOST_OF_NAME :]}"


def _one_line(text: str) -> str:
    """Without control characters, which cannot be drawn."""
    return "".join(each if each.isprintable() else " " for each in text)


def with_column_names(picture: np.ndarray, names: Sequence[str], width: int) -> np.ndarray:
    """A grid with the name of each column, of which all are equally wide, above it.

    Args:
      picture: uint8 `[height, width, 1 or 3]`, perhaps with names of rows to its left.
      names: of the columns; of each as much as is as wide as its column.
      width: of the grid, in pixels.
    """
    font, column = _font(), width / len(names)
    strip = Image.new("L", (picture.shape[1], TITLE_HEIGHT), _WHITE)
    for number, name in enumerate(map(_one_line, names)):
        fitting = (name[:end] for end in range(len(name), 0, -1))
        shown = next((each for each in fitting if font.getlength(each) <= column), "")
        at = (picture.shape[1] - width + (number + 0.5) * column, TITLE_HEIGHT // 2)
        ImageDraw.Draw(strip).text(at, shown, fill=0, font=font, anchor="mm")
    return np.concatenate([_channels_as(picture, strip), picture])


def with_title(picture: np.ndarray, title: str) -> np.ndarray:
    """A picture, uint8 `[height, width, 1 or 3]`, with a line above it."""
    strip = Image.new("L", (picture.shape[1], TITLE_HEIGHT), _WHITE)
    at = (_PADDING, TITLE_HEIGHT // 2)
    ImageDraw.Draw(strip).text(at, _one_line(title), fill=0, font=_font(), anchor="lm")
    return np.concatenate([_channels_as(picture, strip), picture])


@functools.cache
def _font() -> ImageFont.FreeTypeFont:
    """Matplotlib's, which has the letters of many languages; it need not be imported for that."""
    package = importlib.util.find_spec("matplotlib")
    assert package is not None and package.origin is not None
    path = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(path, _FONT_SIZE)


def _channels_as(picture: np.ndarray, strip: Image.Image) -> np.ndarray:
    return np.asarray(strip)[:, :, np.newaxis].repeat(picture.shape[-1], axis=-1)


def enlarged(picture: np.ndarray) -> np.ndarray:
    """A small picture by so whole a factor that it is as large as a page shows it."""
    factor = max(1, PAGE // max(picture.shape[:2]))
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def full_columns(count: int) -> int:
    """The columns of a grid as square as can be without blank cells, if that is no long strip."""
    nearly = square(count)
    columns = next(columns for columns in range(nearly, count + 1) if count % columns == 0)
    return columns if columns <= max(_MOST_OF_A_ROW, 2 * nearly) else nearly
