"""A folder of image files as a data set: its specification, and its pictures as arrays."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.data import array_cache, attribute_tables, folder_contents, pictures
from trainer.data.datasets import IMAGE_FOLDER, DatasetSpec, FolderReading, LabelledImages
from trainer.data.folder_contents import Contents
from trainer.data.kept_digests import Stamp
from trainer.data.picture_files import RULES, TEST, TRAIN, Rules, WrongFolderError, canonical
from trainer.data.pictures import Form
from trainer.system import cores, memory, threads
from trainer.system.exits import InterruptedRun, RefusedError
from trainer.system.intervals import Interval

log = logging.getLogger(__name__)

OTHER_PICTURES = (
    "--data_dir={} holds different pictures than before, or a changed table: restore them"
)
PICTURE_BYTES = 2**28  # that decoding one may take: a photo of 50 megapixels and its copies
_BACKGROUNDS = {"black": (0, 0, 0), "white": (255, 255, 255)}


@dataclass(frozen=True)
class Part:
    """The pictures of `train` or `test`, not decoded yet."""

    key: str  # of the array that they become, by their contents and its form
    labels: np.ndarray  # int64 [N, attributes]
    decode: array_cache.Make | None  # gives some of them; None: they are not at hand


@dataclass(frozen=True)
class Found:
    """What a folder of pictures was found to be: all but the pictures."""

    spec: DatasetSpec
    left_out: tuple[str, ...]  # what of the folder is not used
    notes: tuple[str, ...]  # what it holds
    parts: dict[str, Part]  # of the splits
    files: tuple[tuple[Stamp, ...], tuple[bytes, ...]] | None = None  # for `kept_digests`


def specify(
    folder: Path,
    image_size: int,
    reading: FolderReading,
    wanted: tuple[str, ...] = (),
    digests: Path | None = None,
) -> DatasetSpec:
    """The folder's specification, for which all files are read that are not known.

    Args:
      folder: of pictures at any depth.
      image_size: height and width to which they are resized.
      reading: how the folder is read.
      wanted: names of attributes; none: all.
      digests: a file of `kept_digests`, if they are kept from earlier starts.

    Raises:
      RefusedError: no picture can be read, or the table does not describe them.
    """
    metadata = attribute_tables.as_seen_from(folder, reading.metadata)
    reading = dataclasses.replace(reading, metadata=metadata)
    contents = folder_contents.read(folder, reading, wanted, digests)
    background = colour(reading.background)
    coloured = len(set(background)) > 1 or _has_colours(contents.paths, RULES[reading.rules])
    shape = (image_size, image_size, 3 if coloured else 1)
    fingerprint = _fingerprint(contents, folder, RULES[reading.rules])
    train, test = (len(contents.of(split)) for split in (TRAIN, TEST))
    return DatasetSpec(IMAGE_FOLDER, shape, train, test, contents.attributes, fingerprint, reading)


def find(spec: DatasetSpec, folder: Path, digests: Path | None = None) -> Found:
    """All that is known of the folder of a specification; arguments as for `specify`.

    Raises:
      RefusedError: it holds other pictures.
    """
    assert spec.folder is not None
    names = tuple(attribute.name for attribute in spec.attributes)
    contents = folder_contents.read(folder, spec.folder, names, digests)
    if _fingerprint(contents, folder, RULES[spec.folder.rules]) != spec.fingerprint:
        raise WrongFolderError(OTHER_PICTURES.format(folder))
    parts = {split: _part(spec, contents, split) for split in (TRAIN, TEST)}
    files = contents.stamps, contents.digests
    return Found(spec, contents.left_out, contents.notes, parts, files)


def arrays(found: Found, split: str, cache_dir: Path, make: array_cache.Make) -> LabelledImages:
    """Images and labels of a split, and what there is to be said of the folder.

    Args:
      found: in the folder.
      split: `train` or `test`.
      cache_dir: of the arrays.
      make: gives rows that are not in the cache.
    """
    if split == TRAIN:
        for note in found.left_out:
            log.warning("data: %s", note)
        for note in found.notes:
            log.info("data: %s", note)
    part, shape = found.parts[split], found.spec.image_shape
    if not len(part.labels):
        return np.empty((0, *shape), np.uint8), part.labels
    images = array_cache.array(cache_dir, part.key, (len(part.labels), *shape), make)
    return images, part.labels


def _part(spec: DatasetSpec, contents: Contents, split: str) -> Part:
    form, rows = form_of(spec.image_shape, spec.folder), contents.of(split)
    files = [(contents.paths[row], contents.digests[row]) for row in rows]
    made = f"{form!r} with slivers" if form.pads_slivers else repr(form)
    key = hashlib.sha256((f"{made} in true colours" if form.true_colours else made).encode())
    for _, digest in files:
        key.update(digest)
    decode = functools.partial(_decoded, files, form)
    return Part(key.hexdigest()[:16], contents.labels[rows], decode)


def colour(background: str) -> tuple[int, int, int]:
    """The red, green and blue of a `--background`.

    Raises:
      RefusedError: it is none.
    """
    parts = background.split(",")
    if background in _BACKGROUNDS:
        return _BACKGROUNDS[background]
    numbers = tuple(int(part) for part in parts if part.isascii() and part.isdecimal())
    if len(parts) != 3 or len(numbers) != 3 or max(numbers) > 255:
        raise RefusedError(
            f"--background={background} must be black, white, or R,G,B from 0 to 255"
        )
    return numbers


def form_of(image_shape: tuple[int, int, int], reading: FolderReading | None) -> Form:
    """The form that pictures get to be those of a run's data.

    Args:
      image_shape: of the data: height, width, channels.
      reading: of the folder that they were read from; None: they are no folder's, and pictures
        become their central square.
    """
    side, _, channels = image_shape
    if reading is None:
        return Form(side, channels, "crop", colour("black"), true_colours=True)
    rules = RULES[reading.rules]
    slivers = rules.pads_slivers and reading.fit == "pad"
    background = colour(reading.background)
    parts = (rules.in_strips, slivers, rules.true_colours)
    return Form(side, channels, reading.fit, background, *parts)


def _has_colours(paths: Sequence[Path], by: Rules) -> bool:
    """Whether any picture has colours; by the first rules, whether the first readable one has."""
    errors = []
    grey = False
    for path in paths:
        try:
            with pictures.opened(path) as picture:
                if not pictures.is_grey(picture):
                    return True
        except Exception as error:  # Pillow's plug-ins raise whatever damage leads to
            errors.append(pictures.unreadable(path, error))
            continue
        grey = True
        if not by.any_colour:
            return False
    if not grey:
        raise RefusedError("; ".join(errors))
    return False


def _fingerprint(found: Contents, folder: Path, by: Rules) -> str:
    """A hash of the files' names and contents, and of what is said of them.

    By the second rules without what is said; by the first, of names and sizes.
    """
    digest = hashlib.sha256()
    for path, content in zip(found.paths, found.digests, strict=True):
        inside = path.relative_to(folder)
        name = os.fsencode(canonical(inside) if by.plain_names else inside)
        if by.by_content:
            digest.update(name + b"\0" + content)
        else:
            digest.update(name + b" %d " % path.stat().st_size)
    if by.splits:
        digest.update(found.labels.tobytes() + found.is_test.tobytes())
    return digest.hexdigest()[:16]


def _decoded(files: list[tuple[Path, bytes]], form: Form, first: int, last: int) -> np.ndarray:
    """Pictures `first` to `last`: uint8 `[last - first, side, side, channels]`.

    Args:
      files: all pictures, and the digests of their contents.
      form: of the result.
      first: of the pictures.
      last: before which they end.

    Raises:
      RefusedError: some of these or of all later ones are broken; all of them are named.
    """
    animated: list[str] = []
    decode = functools.partial(_decoded_one, form=form, grey_one=files[0][0], animated=animated)
    left = memory.available()
    at_once = cores.available() if left is None else left // PICTURE_BYTES
    workers = max(1, min(cores.available(), at_once))
    results = list(threads.in_order(decode, files[first:last], workers))
    broken = [each for each in results if isinstance(each, str)]
    if broken:
        log.warning("data: %s: looking for others that are broken", broken[0])
        line = Interval(folder_contents.LINE_SECONDS)
        later = threads.in_order(lambda file: _if_broken(decode(file)), files[last:], workers)
        for number, each in enumerate(later, start=last + 1):
            broken += [each] if each else []
            if line.has_passed():
                log.info("data: %d of %d pictures checked", number, len(files))
        raise RefusedError("; ".join(broken))
    if animated:
        log.info("data: %s", pictures.first_frames(animated))
    return np.stack([each for each in results if not isinstance(each, str)])


def _if_broken(result: np.ndarray | str) -> str | None:
    return result if isinstance(result, str) else None


def _decoded_one(
    file: tuple[Path, bytes], form: Form, grey_one: Path, animated: list[str]
) -> np.ndarray | str:
    """A picture's pixels, or why there are none; its name, if it is animated, to others'.

    Raises:
      InterruptedRun: it is no longer the picture that was looked at.
    """
    path, digest = file
    content = path.read_bytes()
    if hashlib.sha256(content).digest() != digest:  # whose name the pixels would be kept by
        raise InterruptedRun(f"{path} was changed while the pictures were read: run again")
    try:
        with pictures.opened(io.BytesIO(content)) as picture:
            if form.channels == 1 and not pictures.is_grey(picture):
                return f"{path} is in colour, {grey_one} is not: convert one"
            if pictures.has_several_frames(picture):
                animated.append(path.name)
            return pictures.pixels(picture, form)
    except Exception as error:  # Pillow's plug-ins raise whatever damage leads to
        return pictures.unreadable(path, error)
