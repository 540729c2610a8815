"""Data sets: which there are, where they come from, their order and their place on a device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetSpec:
    """What is known of a data set before it is read."""

    dataset: str
    image_shape: tuple[int, int, int]  # height, width, channels
    train_examples: int
    test_examples: int
    class_names: tuple[str, ...]  # none: there are no labels
    fingerprint: str = ""  # of names and sizes, for sets that users can change


_CLOTHES = (
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
_THINGS = (
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
        DatasetSpec("cifar10", (32, 32, 3), 50_000, 10_000, _THINGS),
        DatasetSpec("fashion_mnist", (28, 28, 1), 60_000, 10_000, _CLOTHES),
        DatasetSpec("kmnist", (28, 28, 1), 60_000, 10_000, _HIRAGANA),
        DatasetSpec("mnist", (28, 28, 1), 60_000, 10_000, _DIGITS),
        DatasetSpec("synthetic", (28, 28, 1), 4_000, 1_000, _CLOTHES),
    )
}
IMAGE_FOLDER = "image_folder"  # what is known of it depends on the folder
IMAGE_SIZES = (28, 32, 64)  # of sets whose pictures are resized
