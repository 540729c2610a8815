"""Data sets: which there are, where they come from, their order and their place on a device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetSpec:
    """What is known of a data set before it is read."""

    image_shape: tuple[int, int, int]  # height, width, channels
    train_examples: int
    test_examples: int


DATASETS = {
    "fashion_mnist": DatasetSpec((28, 28, 1), 60_000, 10_000),
    "synthetic": DatasetSpec((28, 28, 1), 4_000, 1_000),
}
