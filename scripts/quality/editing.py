#!/usr/bin/env python3
"""How well a run on fashion_mnist is edited: other labels, directions, pictures projected.

    python -m scripts.quality.editing JOB_DIR [CHECKPOINT] [PICTURES]

Prints a JSON object. Classes are those that the package's class network sees.
`to_label`: of samples edited to another label, the share that shows it; and the rank correlation
of a measure of the picture, less its class's mean, before and after, beside that of shuffled
pairs.
`to_label_of_projected`: the same of projected test pictures. `projection`: of so many test pictures
(1,000 unless said otherwise), their labels given and found, the mean PSNR, how often the class seen
is the picture's label (`class_kept`; `pictures`: in the pictures themselves), how often it is what
is seen in the picture itself (`same_class`), and processor seconds a picture. `directions`: what
each of the first ones changes from one standard deviation before samples to one behind them, as a
share of what two samples differ by.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trainer.configuration import asked_labels
from trainer.configuration.data_flag_definitions import default_data_dir
from trainer.configuration.editing import Search
from trainer.data import loading
from trainer.editing import directions, effects, labels_changed, projection
from trainer.editing.codes import Codes
from trainer.editing.picture_measures import MEASURES
from trainer.editing.synthesis import Synthesis
from trainer.evaluation import packaged_networks
from trainer.runs import stored_runs, trained_networks

SAMPLES = 1000
DIRECTIONS = 8
MEASURED_SAMPLES = 96
SEED = 1


def main(job_dir: Path, checkpoint: str, pictures: int) -> dict[str, object]:
    """All figures."""
    run = trained_networks.load(stored_runs.read(job_dir), job_dir, checkpoint)
    spec = run.recipe.data
    if spec.dataset != "fashion_mnist" or not run.recipe.networks.conditional:
        raise SystemExit(f"{job_dir} is not a conditional run on fashion_mnist")
    synthesis = Synthesis(run)
    data_dir = Path(default_data_dir()).expanduser()
    test, labels = loading.load(spec, "test", data_dir, data_dir)
    images, labels = np.array(test[:pictures]), np.array(labels[:pictures])
    cycle = asked_labels.cycle(run.recipe)
    samples = synthesis.sampled(SAMPLES, SEED, cycle)
    given, codes = projected(synthesis, images, labels, labels)
    found, _ = projected(synthesis, images, np.full_like(labels, -1), labels)
    return {
        "step": run.step,
        "to_label": relabelled(synthesis, samples, spec.label_sizes[0]),
        "to_label_of_projected": relabelled(synthesis, codes, spec.label_sizes[0]),
        "projection": {
            "number": len(images),
            "pictures": share(packaged_networks.classes(images), labels[:, 0]),
            "labels_given": given,
            "labels_found": found,
        },
        "directions": changed(synthesis, synthesis.sampled(MEASURED_SAMPLES, SEED, cycle)),
    }


def relabelled(synthesis: Synthesis, codes: Codes, classes: int) -> dict[str, object]:
    """Of images whose label moves on by one to nine classes, by turns: what is seen and kept."""
    shifts = 1 + np.arange(len(codes)) % (classes - 1)
    targets = (codes.labels + shifts[:, np.newaxis]) % classes
    before = synthesis.images(codes)
    after = synthesis.images(labels_changed.changed(synthesis, codes, targets))
    shuffled = np.random.default_rng(SEED).permutation(len(codes))
    correlations = {}
    for name, measure in MEASURES.items():
        old = within_classes(measure(before), codes.labels[:, 0])
        new = within_classes(measure(after), targets[:, 0])
        correlations[name] = {
            "kept": rank_correlation(old, new),
            "shuffled": rank_correlation(old[shuffled], new),
        }
    return {
        "number": len(codes),
        "target_seen": share(packaged_networks.classes(after), targets[:, 0]),
        "label_seen_before": share(packaged_networks.classes(before), codes.labels[:, 0]),
        "rank_correlations": correlations,
    }


def projected(
    synthesis: Synthesis, images: np.ndarray, labels: np.ndarray, true_labels: np.ndarray
) -> tuple[dict[str, float], Codes]:
    """Figures of a projection by these labels, and what it found."""
    start = time.process_time()
    found = projection.project(synthesis, images, labels, None, Search())
    seconds = time.process_time() - start
    seen = packaged_networks.classes(found.images)
    figures = {
        "psnr": round(float(found.psnr.mean()), 2),
        "psnr_lowest": round(float(found.psnr.min()), 2),
        "class_kept": share(seen, true_labels[:, 0]),
        "same_class": share(seen, packaged_networks.classes(images)),
        "label_right": share(found.codes.labels[:, 0], true_labels[:, 0]),
        "processor_seconds_a_picture": round(seconds / len(images), 3),
    }
    return figures, found.codes


def changed(synthesis: Synthesis, codes: Codes) -> dict[int, dict[str, float]]:
    """What the first directions change."""
    found = directions.closed_form(synthesis)
    measures = {**MEASURES, effects.CLASS: packaged_networks.classes}
    return {
        number: {
            name: round(value, 2)
            for name, value in effects.of_direction(
                synthesis, codes, found, number, measures
            ).items()
        }
        for number in range(1, DIRECTIONS + 1)
    }


def share(left: np.ndarray, right: np.ndarray) -> float:
    """How often two arrays are equal."""
    return round(float(np.mean(left == right)), 4)


def within_classes(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Values less the mean of their class: a boot's width says nothing of a dress's."""
    found = np.empty_like(values)
    for label in np.unique(labels):
        rows = labels == label
        found[rows] = values[rows] - values[rows].mean()
    return found


def rank_correlation(left: np.ndarray, right: np.ndarray) -> float:
    """Spearman's."""
    first, second = (
        np.argsort(np.argsort(values, kind="stable")).astype(np.float64) for values in (left, right)
    )
    return round(float(np.corrcoef(first, second)[0, 1]), 3)


def _arguments(words: Sequence[str]) -> tuple[Path, str, int]:
    if not 1 <= len(words) <= 3:
        raise SystemExit(__doc__)
    job_dir, checkpoint, pictures = [*words, *["latest", str(SAMPLES)][len(words) - 1 :]]
    return Path(job_dir), checkpoint, int(pictures)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print(json.dumps(main(*_arguments(sys.argv[1:]))))
