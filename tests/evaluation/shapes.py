"""A small set of coloured shapes, 16 pixels wide, with two attributes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from trainer.data.datasets import Attribute, DatasetSpec, LabelledImages

SIDE = 16
SHAPE = Attribute("shape", ("ball", "bar", "frame"))
COLOUR = Attribute("colour", ("red", "green", "blue"))
SPEC = DatasetSpec("image_folder", (SIDE, SIDE, 3), 200, 200, (SHAPE, COLOUR), "by its files")

_COLOURS = np.array([[230, 60, 60], [60, 220, 60], [90, 90, 240]])


def pictures(count: int, seed: int) -> LabelledImages:
    """Shapes in colours, anywhere; a fifth of the colours are not told."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (count, 2))
    y, x = np.mgrid[:SIDE, :SIDE][:, None] - rng.uniform(5, 10, (2, count, 1, 1))
    sizes = rng.uniform(0.8, 1.2, (count, 1, 1))
    y, x = y / sizes, x / sizes
    masks = np.choose(
        labels[:, 0, None, None],
        [np.hypot(x, y) < 4, (abs(x) < 5) & (abs(y) < 2), np.maximum(abs(x), abs(y)) // 2 == 2],
    )
    brightness = rng.uniform(0.7, 1, (count, 1, 1, 1))
    images = masks[..., None] * _COLOURS[labels[:, 1], None, None] * brightness
    images = np.clip(images + rng.normal(12, 4, images.shape), 0, 255).astype(np.uint8)
    labels[rng.random(count) < 0.2, 1] = -1
    return images, labels


def folder_of_shapes(folder: Path, count: int) -> Path:
    """Writes them as files, and a table of what they show, in which some colours are missing."""
    images, labels = pictures(count, 0)
    with open(folder / "metadata.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "shape", "colour"])
        for number, (image, (shape, colour)) in enumerate(zip(images, labels, strict=True)):
            Image.fromarray(image).save(folder / f"{number}.png")
            given = COLOUR.values[colour] if colour >= 0 else ""
            table.writerow([f"{number}.png", SHAPE.values[shape], given])
    return folder
