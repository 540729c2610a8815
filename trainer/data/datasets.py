"""The supported data sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# uint8 [N, height, width, channels], int64 [N, attributes], -1 where a label is not given
LabelledImages = tuple[np.ndarray, np.ndarray]
Arrays = tuple[np.ndarray, np.ndarray]  # the same; int64 [N] where there is one attribute
ATTRIBUTE_MINIMUM, TEST_SHARE = 10, 0.1  # of folders, unless flags say otherwise


@dataclass(frozen=True)
class Attribute:
    """What a data set says of each of its images: one of some values, or nothing."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class FolderReading:
    """How a folder of pictures is read."""

    rules: int  # of `picture_files.RULES`: which files are pictures
    metadata: str  # the table of attributes; empty: metadata.csv or .jsonl if there, or subfolders
    metadata_file_name: str  # a picture's path with {columns} of the table; empty: its file_name
    attribute_minimum: int  # pictures of a value of the table; rarer ones are one value, other
    test_share: float  # of the pictures, unless there are folders train and test
    fit: str  # a picture to the square: of `choices.FITS`
    background: str  # of padding and transparent pixels: black, white or R,G,B


@dataclass(frozen=True)
class DataChoice:
    """A data set as it is asked for."""

    dataset: str
    image_size: int | None  # to which its images are resized; None: the set's default
    attributes: tuple[str, ...]  # names; none: all
    folder: FolderReading


@dataclass(frozen=True)
class DatasetSpec:
    """Properties of a data set that are known before its images are read."""

    dataset: str
    image_shape: tuple[int, int, int]  # height, width, channels
    train_examples: int
    test_examples: int
    attributes: tuple[Attribute, ...]  # in the order of the labels
    fingerprint: str = ""  # of a folder of pictures, which users can change: a hash of its content
    folder: FolderReading | None = None  # how such a folder is read

    @property
    def label_sizes(self) -> tuple[int, ...]:
        """The number of values of each attribute."""
        return tuple(len(attribute.values) for attribute in self.attributes)


_GARMENTS = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
)
_DIGITS = tuple("0123456789")
_HIRAGANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
_CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
COLOURS = {  # of the sets that are coloured in code: red, green, blue
    "red": (230, 40, 40),
    "orange": (240, 140, 30),
    "yellow": (240, 225, 60),
    "green": (50, 170, 70),
    "cyan": (60, 200, 215),
    "blue": (50, 80, 220),
    "magenta": (210, 60, 190),
    "white": (240, 240, 240),
}
PATTERNS = ("plain", "stripes", "dots")

_CLASS = Attribute("class", _GARMENTS)
_COLOUR = Attribute("colour", tuple(COLOURS))
_PATTERN = Attribute("pattern", PATTERNS)

DATASETS = {
    spec.dataset: spec
    for spec in (
        DatasetSpec("celeb_a", (64, 64, 3), 162_770, 19_962, ()),
        DatasetSpec(
            "cifar10", (32, 32, 3), 50_000, 10_000, (Attribute("class", _CIFAR10_CLASSES),)
        ),
        DatasetSpec("coloured_fashion_mnist", (28, 28, 3), 60_000, 10_000, (_CLASS, _COLOUR)),
        DatasetSpec("fashion_mnist", (28, 28, 1), 60_000, 10_000, (_CLASS,)),
        DatasetSpec("kmnist", (28, 28, 1), 60_000, 10_000, (Attribute("class", _HIRAGANA),)),
        DatasetSpec("mnist", (28, 28, 1), 60_000, 10_000, (Attribute("class", _DIGITS),)),
        DatasetSpec("synthetic", (28, 28, 1), 4_000, 1_000, (_CLASS,)),
        DatasetSpec("synthetic_garments", (32, 32, 3), 9_600, 2_400, (_CLASS, _COLOUR, _PATTERN)),
    )
}
IMAGE_FOLDER = "image_folder"  # its specification depends on the folder
SMALLEST_SIDE = 4  # of images within the networks


def halvings(side: int) -> int:
    """How often networks halve a side, down to one of 4 to 7: 28 twice (7), 48 (6) thrice."""
    if side % 2 or side < 2 * SMALLEST_SIDE:
        return 0
    return 1 + halvings(side // 2)


# Of data sets whose images are resized.
IMAGE_SIZES = tuple(side for side in range(16, 257) if side >> halvings(side) < 2 * SMALLEST_SIDE)
