"""The supported data sets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attribute:
    """What is known of a picture: one of these values."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class DatasetSpec:
    """Properties of a data set that are known before its images are read."""

    dataset: str
    image_shape: tuple[int, int, int]  # height, width, channels
    train_examples: int
    test_examples: int
    attributes: tuple[Attribute, ...]  # empty: without labels
    fingerprint: str = ""  # of a folder of pictures, which users can change: a hash of its files
    folder_rules: int = 0  # by which such a folder is read: `picture_files.RULES`

    @property
    def class_names(self) -> tuple[str, ...]:
        """For now."""
        return self.attributes[0].values if self.attributes else ()


_FASHION_CLASSES = (
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

_DIGIT_CLASSES = tuple("0123456789")
_HIRAGANA_CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
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

DATASETS = {
    spec.dataset: spec
    for spec in (
        DatasetSpec("celeb_a", (64, 64, 3), 162_770, 19_962, ()),
        DatasetSpec(
            "cifar10", (32, 32, 3), 50_000, 10_000, (Attribute("class", _CIFAR10_CLASSES),)
        ),
        DatasetSpec(
            "fashion_mnist", (28, 28, 1), 60_000, 10_000, (Attribute("class", _FASHION_CLASSES),)
        ),
        DatasetSpec(
            "kmnist", (28, 28, 1), 60_000, 10_000, (Attribute("class", _HIRAGANA_CLASSES),)
        ),
        DatasetSpec("mnist", (28, 28, 1), 60_000, 10_000, (Attribute("class", _DIGIT_CLASSES),)),
        DatasetSpec(
            "synthetic", (28, 28, 1), 4_000, 1_000, (Attribute("class", _FASHION_CLASSES),)
        ),
    )
}
IMAGE_FOLDER = "image_folder"  # its specification depends on the folder
IMAGE_SIZES = (28, 32, 64)  # of data sets whose images are resized
