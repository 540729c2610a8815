#!/usr/bin/env python3
"""Whether a run shows what it is asked for, even a combination that it has never seen.

    python -m scripts.checks.held_out_combinations leave_out FOLDER TABLE font=twitter skin=dark
    fashion-gan train --data_dir=FOLDER --metadata=TABLE --attributes=category,skin,font ...
        (TABLE as it is seen from FOLDER)
    python -m scripts.checks.held_out_combinations measure JOB_DIR FOLDER font=twitter skin=dark

`leave_out` writes the folder's table without the rows that have all of these values: a training
counts their pictures as such without a row, and does not use them. `measure` trains a classifier of
the run's attributes on the training pictures of the whole folder, and prints a JSON object: how
often it sees each attribute as asked in samples with the attributes of training pictures, and the
values of the combination, each and all, in samples that are asked for it; the same of real test
pictures, and of those of the combination in the commonest colour of training pictures that have its
last value: their own no run can know. Variety is how far apart two samples with the same attributes
are, as a share of what two pictures are. With --within=skin=category=NAME an attribute is measured
on samples of that value of another alone.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from scripts.checks import independent_classifier
from trainer.cloud.data_places import DataPlaces
from trainer.cloud.picture_folder import PictureFolder
from trainer.data import attribute_tables, image_folder
from trainer.data.datasets import Attribute, DatasetSpec
from trainer.data.picture_files import CURRENT, RULES
from trainer.gan import sampling
from trainer.runs import stored_runs, trained_networks
from trainer.runs.trained_networks import Trained

Values = dict[str, str]  # by attribute

SAMPLES = 2000
SEED = 1
WITHIN = "skin=category=People & Body"
ALIKE = 40  # grey levels of three colours together, by which pixels may differ and have one colour
DARK = 60  # as many or fewer have the background, and lines


def main(arguments: list[str]) -> None:
    """Runs the verb that is asked for."""
    asked = parsed(arguments)
    if asked.verb == "leave_out":
        rows, left = leave_out(asked.folder, asked.table, combination(asked))
        print(f"{left} of {rows} rows are left out of {asked.table}")
    else:
        print(json.dumps(measure(asked), indent=1))


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The verb, and what it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    leaving = verbs.add_parser("leave_out")
    leaving.add_argument("folder", type=Path)
    leaving.add_argument("table", type=Path)
    measuring = verbs.add_parser("measure")
    measuring.add_argument("job_dir", type=Path)
    measuring.add_argument("folder", type=Path)
    measuring.add_argument("--checkpoint", default="latest")
    measuring.add_argument("--num", type=int, default=SAMPLES)
    measuring.add_argument("--within", default=WITHIN)
    measuring.add_argument("--classifier", type=Path, help="x.weights.h5: kept there, for reuse")
    cache_dir = Path("~/.cache/fashion-gan").expanduser()
    measuring.add_argument("--cache_dir", type=Path, default=cache_dir)
    for verb in (leaving, measuring):
        verb.add_argument("value", nargs="+", help="attribute=value")
    return parser.parse_args(arguments)


def combination(asked: argparse.Namespace) -> Values:
    """What is held out."""
    return dict(value.split("=", 1) for value in asked.value)


def leave_out(folder: Path, table: Path, held_out: Values) -> tuple[int, int]:
    """Writes the folder's table, somewhere else, without the rows that have all of these values.

    Returns:
      How many rows there were, and how many are left out.
    """
    if folder.resolve() in table.resolve().parents:
        raise SystemExit(f"{table} is in {folder}: write it somewhere else")
    found = attribute_tables.read(attribute_tables.find(folder, ""), folder, "", RULES[CURRENT])
    if unknown := held_out.keys() - set(found.columns):
        raise SystemExit(f"there is no attribute {', '.join(unknown)}, only {found.columns}")
    kept = {
        name: row
        for name, row in found.rows.items()
        if any(row[attribute] != value for attribute, value in held_out.items())
    }
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([attribute_tables.FILE_NAME, *found.columns])
        for name, row in kept.items():
            writer.writerow([name, *(row[column] for column in found.columns)])
    return len(found.rows), len(found.rows) - len(kept)


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Accuracies of samples, and of the folder's test pictures, by the classifier."""
    held_out = combination(asked)
    run = trained_networks.load(stored_runs.read(asked.job_dir), asked.job_dir, asked.checkpoint)
    spec = whole(run.recipe.data, asked.folder)
    attributes = spec.attributes
    pictures = PictureFolder(DataPlaces(asked.folder, asked.cache_dir))
    (images, labels), (test, test_labels) = (
        pictures.load(spec, split) for split in ("train", "test")
    )
    everything = np.concatenate([labels, test_labels])
    with_all = everything[has(everything, held_out, attributes)]
    if not len(with_all):
        raise SystemExit(f"{asked.folder} has no picture with {held_out}")
    predict = independent_classifier.trained(images, labels, spec.label_sizes, asked.classifier)

    def seen(pictures: np.ndarray) -> np.ndarray:
        return np.stack([logits.argmax(axis=1) for logits in predict(pictures)], axis=1)

    rng = np.random.Generator(np.random.Philox(key=SEED))
    left_in = labels[~has(labels, held_out, attributes)]
    as_trained = left_in[rng.integers(len(left_in), size=asked.num)]
    as_held_out = with_all[rng.integers(len(with_all), size=asked.num)]
    is_real = has(test_labels, held_out, attributes)
    *_, last = held_out.items()
    known = images[has(labels, dict([last]), attributes) & ~has(labels, held_out, attributes)]
    shown = seen(test)
    generated, others = (samples(run, spec, as_trained, SEED + more) for more in (0, 1))
    return {
        "step": run.step,
        "samples": asked.num,
        "generated": {
            **accuracies(seen(generated), as_trained, attributes, asked.within),
            "held_out": combined(
                seen(samples(run, spec, as_held_out, SEED)), as_held_out, held_out, attributes
            ),
            "variety": distance(generated, others) / distance(*pairs(images, labels, rng)),
        },
        "real": {
            **accuracies(shown, test_labels, attributes, asked.within),
            "held_out": combined(shown[is_real], test_labels[is_real], held_out, attributes),
            "held_out_in_known_colour": combined(
                seen(recoloured(test[is_real], commonest_colour(known))),
                test_labels[is_real],
                held_out,
                attributes,
            ),
        },
    }


def distance(images: np.ndarray, others: np.ndarray) -> float:
    """Of two pictures in a row, uint8 `[N, ...]` both: the mean over rows, in grey levels."""
    differences = images.astype(np.float32) - others
    return float(np.sqrt(np.mean(differences**2, axis=(1, 2, 3))).mean())


def pairs(
    images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures, and for each another one, drawn from those with the same labels."""
    _, group = np.unique(labels, axis=0, return_inverse=True)
    chosen, others = [], []
    for number in range(group.max() + 1):
        members = rng.permutation(np.flatnonzero(group == number))
        if len(members) > 1:
            chosen.append(members)
            others.append(np.roll(members, 1))
    return images[np.concatenate(chosen)], images[np.concatenate(others)]


def whole(data: DatasetSpec, folder: Path) -> DatasetSpec:
    """The specification of all of the folder's pictures, with the attributes of a run."""
    if data.folder is None or not data.attributes:
        raise SystemExit("the run is not on a folder of pictures with attributes")
    reading = dataclasses.replace(data.folder, metadata="", metadata_file_name="")
    names = tuple(attribute.name for attribute in data.attributes)
    return image_folder.specify(folder, data.image_shape[0], reading, names)


def has(labels: np.ndarray, values: Values, attributes: tuple[Attribute, ...]) -> np.ndarray:
    """Which rows of labels `[N, attributes]` have all of these values: bool `[N]`."""
    found = np.ones(len(labels), bool)
    for name, value in values.items():
        column, numbers = place(name, attributes)
        if value not in numbers:
            raise SystemExit(f"{name} has no value {value}, only {', '.join(numbers)}")
        found &= labels[:, column] == numbers.index(value)
    return found


def place(name: str, attributes: tuple[Attribute, ...]) -> tuple[int, tuple[str, ...]]:
    """The column of an attribute, and its values."""
    names = [attribute.name for attribute in attributes]
    if name not in names:
        raise SystemExit(f"the run has no attribute {name}, only {', '.join(names)}")
    return names.index(name), attributes[names.index(name)].values


def samples(run: Trained, spec: DatasetSpec, wanted: np.ndarray, seed: int) -> np.ndarray:
    """Generated images, uint8 `[N, ...]`, of labels in the numbers of `spec`, `[N, attributes]`."""
    columns = []
    for number, (known, ours) in enumerate(
        zip(run.recipe.data.attributes, spec.attributes, strict=True)
    ):
        of_run = {value: each for each, value in enumerate(known.values)}
        translated = np.array([*(of_run.get(value, -1) for value in ours.values), -1])
        columns.append(translated[wanted[:, number]])
    labels = np.stack(columns, axis=1)
    generate = tf.function(run.generate, autograph=False)
    return np.concatenate(
        list(sampling.sample_batches(generate, run.recipe, len(labels), seed, labels))
    )


def accuracies(
    shown: np.ndarray, labels: np.ndarray, attributes: tuple[Attribute, ...], within: str
) -> dict[str, float]:
    """How often each attribute is seen as asked, where a value was.

    Args:
      shown: what the classifier sees, `[N, attributes]`.
      labels: what was asked for, `[N, attributes]`, -1 where nothing was.
      attributes: of the columns.
      within: `skin=category=NAME`: one of them is measured on rows with that value of another.
    """
    narrowed, _, only = within.partition("=")
    found = {}
    for column, attribute in enumerate(attributes):
        rows = labels[:, column] >= 0
        if attribute.name == narrowed:
            rows &= has(labels, dict([only.split("=", 1)]), attributes)
        found[attribute.name] = float(np.mean((shown == labels)[rows, column]))
    return found


def combined(
    shown: np.ndarray, labels: np.ndarray, held_out: Values, attributes: tuple[Attribute, ...]
) -> dict[str, float]:
    """How often each attribute of the combination is seen as asked, and all of them."""
    right = {name: (shown == labels)[:, place(name, attributes)[0]] for name in held_out}
    right["all"] = np.logical_and.reduce(list(right.values()))
    return {name: float(rows.mean()) for name, rows in right.items()}


def commonest_colour(images: np.ndarray) -> np.ndarray:
    """Of the pixels of `[N, height, width, 3]` that are not dark: uint8 `[3]`."""
    pixels = images.reshape(-1, images.shape[-1])
    colours, counts = np.unique(pixels[pixels.sum(axis=1) > DARK], axis=0, return_counts=True)
    return colours[counts.argmax()]


def recoloured(images: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Images `[N, height, width, 3]`, their commonest colour and what is near it exchanged."""
    own = commonest_colour(images).astype(int)
    near = np.abs(images - own).sum(axis=-1, keepdims=True) < ALIKE
    return np.where(near, images + (colour - own), images).clip(0, 255).astype(np.uint8)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(sys.argv[1:])
