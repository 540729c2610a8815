"""Pictures of which parts are missing, in a run's form: what is known is made of nothing else."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image, ImageOps

from trainer.data import pictures
from trainer.data.pictures import Box, Form

_LOBES = 3  # of Lanczos's kernel, to each side: how far a pixel is made of others
_LEAST = 1e-3  # no pixel that counts as known is made of less


def missing(mask: np.ndarray, form: Form) -> np.ndarray:
    """Which pixels of a fitted picture are missing: those of which any part is.

    Args:
      mask: of the whole picture: uint8 `[height, width]`, 1 where missing.
      form: of the fitted one.

    Returns:
      uint8 `[side, side, 1]`, 0 in the margins of a padded picture.
    """
    height, width = mask.shape
    if form.fit != "pad":
        square = min(height, width)
        rows = _any_of(mask, form.side, height - square)
        return _any_of(rows.T, form.side, width - square).T[:, :, np.newaxis]
    longest = max(height, width)
    # As Pillow rounds them. What it leaves nothing of is a pixel thick, or else all margin.
    rows_left = round(height / longest * form.side) or int(form.pads_slivers)
    columns_left = round(width / longest * form.side) or int(form.pads_slivers)
    square = np.zeros((form.side, form.side), np.uint8)
    if rows_left and columns_left:
        inside = _any_of(_any_of(mask, rows_left).T, columns_left).T
        padded = ImageOps.pad(Image.fromarray(np.ascontiguousarray(inside)), square.shape, color=0)
        square = np.asarray(padded)
    return square[:, :, np.newaxis]


def _any_of(mask: np.ndarray, count: int, margin: int = 0) -> np.ndarray:
    """As many rows, of equal height in the mask, each 1 where anything in it is.

    Whole numbers, for a row begins where the one before it ends, and it may be within a pixel.

    Args:
      mask: `[height, width]`.
      count: of the rows.
      margin: of the mask's height, half of it above the rows and half below.
    """
    height, doubled = len(mask) - margin, 2 * count
    edges = [margin * count + 2 * number * height for number in range(count + 1)]
    return np.stack(
        [
            mask[first // doubled : -(-last // doubled)].max(axis=0)
            for first, last in itertools.pairwise(edges)
        ]
    )


def fitted(picture: Image.Image, mask: np.ndarray, whole: np.ndarray, form: Form) -> np.ndarray:
    """A picture in which nothing shines from what is missing into what is known.

    Far from what is missing it is the picture as it is fitted without a mask. Near to it Lanczos's
    kernel is left without its weights of missing pixels (Knutsson and Westin 1993, normalized
    convolution): what is put in their place would ring.

    Args:
      picture: upright, as it was opened.
      mask: of it: uint8 `[height, width]`, 1 where missing.
      whole: the fitted picture: uint8 `[side, side, channels]`.
      form: of it.

    Returns:
      uint8 `[side, side, channels]`, of no use where pixels are missing.
    """
    near = _near(missing(mask, form), min(mask.shape), form)
    known = _resized(functools.partial(_known, mask), picture.size, 1, form)
    channels = []
    for channel, ground in enumerate(form.background[: form.channels]):
        values = functools.partial(_known_values, picture, mask, form, channel)
        channels.append(_resized(values, picture.size, ground, form) / np.maximum(known, _LEAST))
    made = np.rint(np.stack(channels, axis=-1)).clip(0, 255).astype(np.uint8)
    return np.where(near, made, whole)


def _near(missing: np.ndarray, shortest: int, form: Form) -> np.ndarray:
    """Where Lanczos's kernel meets what is missing, or a little farther: like `missing`."""
    reach = math.ceil(_LOBES * max(1, form.side / shortest)) + 1
    near = missing[:, :, 0]
    for _ in range(2):
        padded = np.pad(near, ((reach, reach), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
        near = windows.max(axis=-1).T
    return near[:, :, np.newaxis]


def _known(mask: np.ndarray, box: Box) -> np.ndarray:
    left, top, right, bottom = box
    return (mask[top:bottom, left:right] == 0).astype(np.float32)


def _known_values(
    picture: Image.Image, mask: np.ndarray, form: Form, channel: int, box: Box
) -> np.ndarray:
    """One channel of a part of the picture, 0 where it is missing."""
    shown = pictures.opaque(picture.crop(box), form)
    values = shown.convert("L") if form.channels == 1 else shown.convert("RGB").getchannel(channel)
    return np.asarray(values) * _known(mask, box)


def _resized(
    values: Callable[[Box], np.ndarray], size: tuple[int, int], ground: int, form: Form
) -> np.ndarray:
    """A channel of a picture, given in parts, in the form: float32 `[side, side]`."""

    def strip(box: Box) -> Image.Image:
        return Image.fromarray(values(box))

    is_large = pictures.is_reduced(size, form)
    image = pictures.reduced(size, form, strip, "F") if is_large else strip((0, 0, *size))
    alone = replace(form, channels=1, background=(ground, ground, ground))
    return np.asarray(pictures.resized(image, alone, Image.Resampling.LANCZOS))
