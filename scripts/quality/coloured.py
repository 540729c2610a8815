#!/usr/bin/env python3
"""How often a run on coloured_fashion_mnist shows the class and the colour it is asked for.

    python -m scripts.quality.coloured JOB_DIR [CHECKPOINT]

Prints a JSON object. Colours are recognised by hue alone, without a classifier; classes by the
package's class network in the images without their colour, as it sees them in Fashion-MNIST's test
images (`test`: the same of these).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from trainer.configuration.data_flag_definitions import default_data_dir
from trainer.data import coloured, loading
from trainer.data.datasets import COLOURS
from trainer.evaluation import packaged_networks
from trainer.gan import sampling
from trainer.runs import stored_runs, trained_networks

SAMPLES = 10_000
SEED = 1


def main(job_dir: Path, checkpoint: str) -> dict[str, object]:
    """The step, and the accuracies of samples and of the test images."""
    run = trained_networks.load(stored_runs.read(job_dir), job_dir, checkpoint)
    spec = run.recipe.data
    if spec.dataset != "coloured_fashion_mnist" or len(spec.attributes) != 2:
        raise SystemExit(f"{job_dir} is not a run on coloured_fashion_mnist with class and colour")
    data_dir = Path(default_data_dir()).expanduser()
    test, test_labels = loading.load(spec, "test", data_dir, data_dir)
    classes, colours = spec.label_sizes
    asked = np.arange(SAMPLES) % (classes * colours)
    labels = np.stack([asked // colours, asked % colours], axis=1)
    generate = tf.function(run.generate, autograph=False)
    images = np.concatenate(
        list(sampling.sample_batches(generate, run.recipe, SAMPLES, SEED, labels))
    )
    return {
        "step": run.step,
        "samples": accuracies(images, labels),
        "test": accuracies(test, test_labels),
    }


def accuracies(images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Shares of images `[N, 28, 28, 3]` that show their class and their colour, `[N, 2]`."""
    seen = packaged_networks.classes(without_colour(images)), coloured.nearest(images)
    return {
        name: float(np.mean(values == column))
        for name, values, column in zip(("class", "colour"), seen, labels.T, strict=True)
    }


def without_colour(images: np.ndarray) -> np.ndarray:
    """The images `[N, 28, 28, 1]` that, painted in the nearest colours, come nearest to these."""
    rgb = np.array(list(COLOURS.values()), np.float32)[coloured.nearest(images)] / 255
    brightness = np.einsum("nhwc,nc->nhw", images.astype(np.float32), rgb)
    brightness /= np.square(rgb).sum(axis=1)[:, np.newaxis, np.newaxis]
    return np.rint(brightness).clip(0, 255).astype(np.uint8)[..., np.newaxis]


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print(json.dumps(main(Path(sys.argv[1]), *(sys.argv[2:] or ["latest"]))))
