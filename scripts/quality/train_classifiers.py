#!/usr/bin/env python3
"""Trains the two classifiers that evaluations use, in about half an hour on two cores.

    python -m scripts.quality.train_classifiers OUTPUT_DIR [NAME...]

Writes OUTPUT_DIR/NAME.npz, weights in float16, and prints each one's accuracy on the test images
and its digest, which `trainer/evaluation/packaged_networks.py` checks. The files in the package
were made by this command; the same machine gives the same files.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from trainer.configuration.data_flag_definitions import default_data_dir
from trainer.data import loading
from trainer.data.datasets import DATASETS
from trainer.evaluation import (
    evaluation_networks,
    packaged_architectures,
    packaged_network_training,
    packaged_networks,
)
from trainer.system import file_system

EPOCHS = {"feature_network": 16, "class_network": 12}


def main(output: Path, names: list[str]) -> None:
    """Trains and writes the named classifiers."""
    data_dir = Path(default_data_dir()).expanduser()
    train, train_labels = loading.load(DATASETS["fashion_mnist"], "train", data_dir, data_dir)
    images, labels = loading.load(DATASETS["fashion_mnist"], "test", data_dir, data_dir)
    output.mkdir(parents=True, exist_ok=True)
    for name in names:
        network = packaged_architectures.BUILDERS[name]()
        packaged_network_training.train(network, train, train_labels[:, 0], EPOCHS[name])
        path = output / f"{name}.npz"
        packaged_networks.write(network, path)
        packaged_networks.read(network, path)  # as rounded to float16
        predicted = evaluation_networks.predictor(network)(images)[-1].argmax(axis=1)
        accuracy = np.mean(predicted == labels[:, 0])
        print(f"{name}: accuracy {accuracy:.4f}, sha256 {file_system.sha256(path)}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(Path(sys.argv[1]), sys.argv[2:] or list(EPOCHS))
