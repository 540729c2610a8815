"""The prepare_data command: puts a data set into the data folder."""

from __future__ import annotations

import logging

from trainer.cloud import local_copies
from trainer.cloud.data_folder import CopiedData
from trainer.configuration.config import PrepareConfig
from trainer.data import fashion_mnist, loading, prepared
from trainer.data.datasets import IMAGE_FOLDER
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)


def run(config: PrepareConfig) -> None:
    """Prepares the set and prints where it lies."""
    name = config.data.dataset
    if config.source and name != fashion_mnist.NAME:
        raise RefusedError(f"--source makes no sense with --dataset={name}: leave it out")
    stored = loading.stored_as(name)
    if name == "synthetic":
        log.info("data: synthetic is drawn at each start, there is nothing to prepare")
        return
    copy = None
    if config.data_dir_url and stored:
        copy = CopiedData(config.data_dir_url, config.data_dir, stored)
    if stored == fashion_mnist.NAME:
        place = config.data_dir / stored
        fashion_mnist.prepare(config.data_dir, config.source)
    elif name in (*loading.DRAWN, IMAGE_FOLDER):
        place = config.cache_dir
        for split in ("train", "test"):
            loading.load(config.data, split, config.data_dir, config.cache_dir)
    else:
        place = config.data_dir / name
        prepared.prepare(config.data, config.data_dir)
    if copy:
        copy.send()
    print(local_copies.shown(str(place)))
