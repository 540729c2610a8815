"""Which files of a folder are its pictures, and why others are not.

The rules have a number, which a run's configuration keeps: under later rules the same folder may
hold other pictures.
"""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from trainer import run_layout
from trainer.system import file_system, unfinished
from trainer.system.exits import RefusedError

NAMED = 20  # files of one reason, at most, in a message
_BREAKS = ("Cc", "Zl", "Zp")  # control characters, and separators of lines and paragraphs
_OURS = (".decoded-", file_system.LOCK, unfinished.PARTIAL)  # beside the pictures


@dataclass(frozen=True)
class Rules:
    """How a folder of pictures is read."""

    suffixes: tuple[str, ...]  # in lower case
    folders_deep: int
    by_content: bool  # identified; else by names and sizes
    any_colour: bool  # gives all of them colours; else the first picture decides
    in_strips: bool  # are large pictures reduced
    splits: bool  # are there folders train and test, and tables of attributes
    skips_runs: bool  # are runs in the folder left alone
    quotes_after_spaces: bool  # do quotes of a table's fields count behind a space
    drops_merged: bool  # are columns left out that say nothing once rare values are one
    pads_slivers: bool  # are pictures much longer than wide still there once they are padded
    plain_names: bool  # are names and values compared, and kept, as `plain` makes them
    true_colours: bool  # are colour profiles followed, and what says how white 16 bits are
    needs_table: bool  # is what a table calls pictures refused where there is no table
    exact_tables: bool  # do surplus empty fields go, and are rows of a stray quote refused
    own_names: bool  # are folders called by their own names rather than by links to them


_FIRST_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
_MORE_SUFFIXES = (
    *(".apng", ".avif", ".avifs", ".dib", ".ico", ".j2k", ".jfif", ".jp2", ".jpe", ".jpx", ".mpo"),
    *(".pbm", ".pcx", ".pgm", ".pnm", ".ppm", ".tga", ".tif", ".tiff"),
)
_SUFFIXES = tuple(sorted(_FIRST_SUFFIXES + _MORE_SUFFIXES))
CURRENT = 7
_FIRST = Rules(
    _FIRST_SUFFIXES,
    folders_deep=1,
    by_content=False,
    any_colour=False,
    in_strips=False,
    splits=False,
    skips_runs=False,
    quotes_after_spaces=False,
    drops_merged=False,
    pads_slivers=False,
    plain_names=False,
    true_colours=False,
    needs_table=False,
    exact_tables=False,
    own_names=False,
)
_SECOND = replace(
    _FIRST, suffixes=_SUFFIXES, folders_deep=100, by_content=True, any_colour=True, in_strips=True
)
_THIRD = replace(_SECOND, splits=True)
_FOURTH = replace(_THIRD, skips_runs=True, quotes_after_spaces=True, drops_merged=True)
_FIFTH = replace(_FOURTH, pads_slivers=True, plain_names=True)
_SIXTH = replace(_FIFTH, true_colours=True, needs_table=True)
_SEVENTH = replace(_SIXTH, exact_tables=True, own_names=True)
RULES = {1: _FIRST, 2: _SECOND, 3: _THIRD, 4: _FOURTH, 5: _FIFTH, 6: _SIXTH, CURRENT: _SEVENTH}
_OF_A_RUN = b'"recipe"'  # what is in a run's configuration alone
_AT_FIRST = (run_layout.TENSORBOARD, run_layout.METRICS, run_layout.RESULTS)  # what a run makes
TRAIN, TEST = "train", "test"  # folders of pictures to learn from, and to measure against


class WrongFolderError(RefusedError):
    """The folder holds no pictures, or others than those that are meant."""


@dataclass
class Files:
    """The files of a folder."""

    pictures: list[Path] = field(default_factory=list)  # sorted
    unused: dict[str, list[Path]] = field(default_factory=dict)  # by the reason
    repeated: dict[Path, Path] = field(default_factory=dict)  # folders, by their other paths


def find(folder: Path, number: int, flag: str = "data_dir") -> Files:
    """Goes through the folder and its subfolders; links are followed.

    Args:
      folder: of pictures, or of subfolders of pictures.
      number: of the rules.
      flag: by which the folder is named, for messages.

    Raises:
      RefusedError: there is no such folder, or no picture in it; or a folder cannot be read.
    """
    rules, files = RULES[number], Files()
    for path in _walk(folder, flag, rules, files):
        reason = _why_unused(path, folder, rules)
        if reason is None:
            files.pictures.append(path)
        elif not path.name.startswith(_OURS):
            files.unused.setdefault(reason, []).append(path)
    if rules.plain_names:
        files.pictures.sort(key=lambda path: Path(canonical(path)))
    else:
        files.pictures.sort()
    if not files.pictures:
        raise WrongFolderError(
            f"--{flag}={folder} holds no pictures (.png, .jpg, .webp and the like), nor do its "
            f"subfolders{_but(files)}"
        )
    return files


def sign_of_a_set(folder: Path) -> Path | None:
    """What says that a folder is one of pictures: one in it, or one in each of its subfolders.

    No more is read than is needed to tell.
    """
    try:
        if found := _picture_in(folder):
            return found
        in_each = [_picture_in(subfolder) for subfolder in _subfolders(folder)]
    except OSError:  # not there, or not to be read: what needs it says so
        return None
    return in_each[0] if in_each and all(in_each) else None


def _picture_in(folder: Path) -> Path | None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if Path(entry.name).suffix.lower() in _SUFFIXES and entry.is_file():
                return folder / entry.name
    return None


def canonical(name: str | Path) -> str:
    """A path as it is compared: forward slashes, composed letters (macOS decomposes them)."""
    text = os.fspath(name).replace("\\", "/")
    return unicodedata.normalize("NFC", posixpath.normpath(text))


def plain(text: str) -> str:
    """A name or a value as it is compared: composed letters, and spaces for control characters."""
    composed = unicodedata.normalize("NFC", text)
    shown = (" " if unicodedata.category(each) in _BREAKS else each for each in composed)
    return "".join(shown).strip()


def names(pictures: list[Path], folder: Path) -> list[str]:
    """What pictures of a folder are called: by their paths below it, with suffixes where needed.

    Names are no two alike, also where upper and lower case are one.
    """
    full = [path.relative_to(folder).as_posix() for path in pictures]
    short = [path.relative_to(folder).with_suffix("").as_posix() for path in pictures]
    counts = Counter(name.casefold() for name in short) + Counter(name.casefold() for name in full)
    return [
        brief if counts[brief.casefold()] == 1 else whole
        for brief, whole in zip(short, full, strict=True)
    ]


def class_folders(pictures: list[Path], folder: Path) -> list[Path]:
    """The subfolders of the first level that hold pictures: the classes; none without classes.

    Raises:
      RefusedError: there are pictures both in the folder and in subfolders.
    """
    found = dict.fromkeys(class_folder(path, folder) for path in pictures)
    if len(found) > 1 and None in found:
        raise RefusedError(
            f"--data_dir={folder} holds both pictures and subfolders of pictures: move the former "
            "into a subfolder if there are classes, or else out of the folder"
        )
    return [path for path in found if path]


def empty_folders(pictures: list[Path], folder: Path) -> list[Path]:
    """The subfolders of the first level that hold no pictures."""
    with_pictures = {class_folder(path, folder) for path in pictures}
    return [path for path in _subfolders(folder) if path not in with_pictures]


def class_folder(picture: Path, folder: Path) -> Path | None:
    """The subfolder of the first level that holds a picture, however deep; None: none does."""
    parts = picture.relative_to(folder).parts
    return folder / parts[0] if len(parts) > 1 else None


def listed(paths: list[Path], folder: Path) -> str:
    """Some of the files by name, all of them by the number of each suffix."""
    names = ", ".join(str(path.relative_to(folder)) for path in paths[:NAMED])
    return f"{by_suffix(paths)}: {names}{', ...' if len(paths) > NAMED else ''}"


def by_suffix(paths: list[Path]) -> str:
    """How many files there are of each suffix."""
    counts = Counter(path.suffix.lower() or "without suffix" for path in paths)
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common())


def _walk(folder: Path, flag: str, rules: Rules, files: Files) -> Iterator[Path]:
    """All files; of hidden folders and of run directories, only the folders themselves."""

    def refuse(error: OSError) -> None:
        raise WrongFolderError(
            f"--{flag}={folder} cannot be read ({error.filename}: {error.strerror}): name a "
            "folder of pictures, or make all of it readable"
        ) from error

    walked = file_system.walk(folder, refuse, files.repeated.__setitem__, rules.own_names)
    for place, subfolders, names in walked:
        if rules.skips_runs and place != folder and _is_run(place, subfolders, names):
            subfolders.clear()
            yield place
            continue
        hidden = [name for name in subfolders if name.startswith(".")]
        subfolders[:] = sorted(set(subfolders) - set(hidden))
        yield from (place / name for name in names + hidden)


def _is_run(folder: Path, subfolders: list[str], names: list[str]) -> bool:
    """Whether a folder is a run directory, whose pictures, grids of samples, none learns from.

    One that was killed at its start has no configuration yet.
    """
    if all(name in subfolders + names for name in _AT_FIRST):
        return True
    if run_layout.CONFIG not in names:
        return False
    try:
        return _OF_A_RUN in (folder / run_layout.CONFIG).read_bytes()
    except OSError:
        return False


def _subfolders(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _why_unused(path: Path, folder: Path, rules: Rules) -> str | None:
    """Why a file is no picture of the set; None: it is one."""
    if path.name.startswith("."):
        return "hidden"
    if rules.skips_runs and path.is_dir():
        return "a run directory"
    if path.suffix.lower() not in rules.suffixes:
        return "of another kind"
    if len(path.relative_to(folder).parts) - 1 > rules.folders_deep:
        return "too deep"
    if not path.is_file():
        return "not a file" if path.exists() else "a broken link"
    return None


def _but(files: Files) -> str:
    """What there is instead of pictures."""
    found = [path for paths in files.unused.values() for path in paths]
    return f"; there are files of other kinds ({by_suffix(found)})" if found else ""
