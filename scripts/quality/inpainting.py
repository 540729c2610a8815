#!/usr/bin/env python3
"""How good completions of Fashion-MNIST's test images are, compared with simple methods.

    python -m scripts.quality.inpainting JOB_DIR [--checkpoint=best] [--num=5000] [--baselines]

Prints a JSON object, a row a method: `psnr`, in dB where pixels are missing; `class_kept`, how
often the package's class network sees the image's class; `frechet`, in the package's feature space,
against as many other test images; `spread`, the deviation of eight completions of an image in grey
levels. A run is measured with labels and without. Masks are of the five kinds by turns. A run that
was not trained for it completes by search, which takes long: use a smaller --num.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from scripts.quality import simple_inpainting
from trainer.configuration import choices
from trainer.configuration.data_flag_definitions import default_data_dir
from trainer.configuration.editing import Search
from trainer.data import loading
from trainer.data.datasets import DatasetSpec
from trainer.data.labels import NOT_GIVEN
from trainer.editing import inpainting
from trainer.evaluation import completion_metrics, metrics, packaged_networks
from trainer.gan import completing
from trainer.runs import stored_runs, trained_networks

SEED = 1
COMPLETIONS = 8
SPREAD_OF = 200  # images


class Measure:
    """Test images with masks, and what is measured of completions of them."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, num: int) -> None:
        """Completes the first `num` of them; the others are what they are compared with."""
        self.images, self.labels = images[:num], labels[:num]
        shape = images.shape[1:]
        self.masks = completing.masks_in_turn(choices.MASKS, num, SEED, shape)
        self._networks = packaged_networks.provide()
        self._others = self._networks.features(images[num : 2 * num])

    def __call__(self, completed: np.ndarray) -> dict[str, float | None]:
        """The figures of completions, uint8 `[num, height, width, channels]`.

        What is completed by the images themselves has no PSNR.
        """
        kept = self._networks.values(completed)[:, 0] == self.labels[:, 0]
        distance = metrics.frechet_distance(self._networks.features(completed), self._others)
        changed = (completed != self.images).any()
        psnr = completion_metrics.mean_psnr(completed, self.images, self.masks) if changed else None
        return {"psnr": psnr, "class_kept": float(kept.mean()), "frechet": distance}


def of_run(measure: Measure, job_dir: Path, checkpoint: str) -> dict[str, dict[str, float | None]]:
    """A run's completions, with the images' labels and without."""
    run = trained_networks.load(stored_runs.read(job_dir), job_dir, checkpoint)
    rows, some = {}, slice(SPREAD_OF)
    for name in ("labels given", "labels not given"):
        labels = measure.labels if name == "labels given" else np.full_like(measure.labels, -1)
        assert NOT_GIVEN == -1
        started = time.process_time()
        first = inpainting.completions(run, measure.images, measure.masks, labels, [SEED], Search())
        seconds = time.process_time() - started
        several = inpainting.completions(
            run,
            *(measure.images[some], measure.masks[some], labels[some]),
            range(SEED, SEED + COMPLETIONS),
            Search(),
        )
        spread = completion_metrics.spread(several.swapaxes(0, 1), measure.masks[some])
        rows[name] = {**measure(first[:, 0]), "spread": spread, "cpu_seconds": seconds}
    return {f"step {run.step}, {name}": row for name, row in rows.items()}


def main(arguments: list[str]) -> None:
    """Measures what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job_dir", type=Path)
    parser.add_argument("--checkpoint", default="latest")
    parser.add_argument("--num", type=int, default=5000)
    parser.add_argument("--baselines", action="store_true", help="also the simple methods")
    asked = parser.parse_args(arguments)
    spec: DatasetSpec = stored_runs.read(asked.job_dir).recipe.data
    data_dir = Path(default_data_dir()).expanduser()
    measure = Measure(*loading.load(spec, "test", data_dir, data_dir), asked.num)
    rows = {"the images untouched": measure(measure.images)}
    if asked.baselines:
        train, _ = loading.load(spec, "train", data_dir, data_dir)
        for name, complete in simple_inpainting.METHODS.items():
            rows[name] = measure(complete(train, measure.images, measure.masks))
    print(json.dumps({**rows, **of_run(measure, asked.job_dir, asked.checkpoint)}, indent=1))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(sys.argv[1:])
