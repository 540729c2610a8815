"""Makes the pictures of docs/editing.md but that of completions, by the commands that it shows.

python -m scripts.quality.editing_pictures runs/first
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from trainer.__main__ import main as fashion_gan
from trainer.configuration.data_flag_definitions import default_data_dir
from trainer.data import array_files, loading
from trainer.data.datasets import DATASETS

PICTURES = 8  # the first of the test images
FOLDER = Path("docs", "editing")


def main(job_dir: str) -> None:
    """Projects test images, and edits them and samples of a run on Fashion-MNIST."""
    spec = DATASETS["fashion_mnist"]
    data_dir = Path(default_data_dir()).expanduser()
    images, labels = loading.load(spec, "test", data_dir, data_dir)
    of_run = f"--job_dir={job_dir}"
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "pictures.npz"), Path(folder, "found.npz")
        arrays = {"images": np.asarray(images[:PICTURES])}
        array_files.write(
            given, arrays | array_files.label_fields(labels[:PICTURES], spec.attributes)
        )
        commands = (
            ["project", of_run, f"--input={given}", f"--output={FOLDER / 'projected.png'}"],
            ["project", of_run, f"--input={given}", f"--output={found}"],
            [
                *("edit", of_run, f"--input={found}", f"--output={FOLDER / 'labels.png'}"),
                "--to_label=t-shirt,dress,bag,sneaker,boot",
            ],
            [
                *("edit", of_run, f"--output={FOLDER / 'directions.png'}"),
                *("--directions=8", "--labels=dress", "--seed=3"),
            ],
            [
                *("edit", of_run, f"--output={FOLDER / 'mixed.png'}"),
                *("--labels=dress", "--seed=2", "--mix=7", "--num=6"),
            ],
        )
        for command in commands:
            if code := fashion_gan(command):
                raise SystemExit(code)


if __name__ == "__main__":
    main(sys.argv[1])
