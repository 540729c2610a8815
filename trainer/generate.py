"""The generate command: samples of a trained generator as a grid, arrays or single pictures."""

from __future__ import annotations

import logging

import numpy as np

from trainer import pictures, storage, trained
from trainer.config import SampleConfig

log = logging.getLogger(__name__)


def run(config: SampleConfig) -> None:
    """Writes the samples and prints where."""
    output = config.output
    storage.make_folder(output.parent if output.suffix else output, "output")
    network = trained.load(config.job_dir, config.checkpoint)
    log.info("generating %d images from %s", config.num, network.source)
    batches = trained.sample_batches(network, config.num, config.seed)
    if output.suffix == ".png":
        pictures.write_png(output, pictures.grid(np.concatenate(list(batches))))
    elif output.suffix == ".npz":
        images = np.concatenate(list(batches))
        storage.write_atomically(output, lambda path: np.savez_compressed(path, images=images))
    else:
        digits = max(5, len(str(config.num - 1)))
        for number, image in enumerate(image for batch in batches for image in batch):
            pictures.write_png(output / f"{number:0{digits}d}.png", image)
    print(output)
