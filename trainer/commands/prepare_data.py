"""The prepare_data command: puts a data set into the data folder."""

from __future__ import annotations

import logging

import numpy as np

from trainer.cloud import local_copies
from trainer.cloud.data_folder import CopiedData
from trainer.configuration.config import PrepareConfig
from trainer.data import fashion_mnist, loading, prepared
from trainer.data.datasets import IMAGE_FOLDER
from trainer.system import file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)


def run(config: PrepareConfig) -> None:
    """Prepares the set and prints where it lies."""
    name = config.data.dataset
    if config.source and name != fashion_mnist.NAME:
        raise RefusedError(f"--source makes no sense with --dataset={name}: leave it out")
    if config.own_features:
        file_system.make_folder(config.cache_dir, "cache_dir")
        _configure(config.threads)
    stored = loading.stored_as(name)
    if name == "synthetic":
        log.info("data: synthetic is drawn at each start, there is nothing to prepare")
        _prepare_features(config)
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
            images, _ = loading.load(config.data, split, config.data_dir, place)
            if len(images) and not isinstance(images, np.memmap):
                raise RefusedError(
                    f"--cache_dir={place} keeps nothing, as was said above: make room, or choose "
                    "another"
                )
        if name == IMAGE_FOLDER:  # whose size a preset may decide in training, but not here
            side = config.data.image_shape[0]
            log.info("data: prepared for trainings with --image_size=%d, others prepare anew", side)
    else:
        place = config.data_dir / name
        prepared.prepare(config.data, config.data_dir)
    if copy:
        copy.send()
    _prepare_features(config)
    print(local_copies.shown(str(place)))


def _configure(threads: int) -> None:
    """Sets what TensorFlow reads only once: before data sets are prepared, which uses it."""
    import tensorflow as tf

    from trainer.system import determinism

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    determinism.enable()


def _prepare_features(config: PrepareConfig) -> None:
    """Trains the set's own networks, if they are asked for and not in the cache."""
    if not config.own_features:
        return
    from trainer.evaluation import own_network_files, own_networks

    data = config.data
    own_networks.provide(
        data,
        lambda: loading.load(data, "train", config.data_dir, config.cache_dir),
        config.cache_dir,
    )
    path = own_network_files.path_in(config.cache_dir, data)
    if not path.exists():
        raise RefusedError(f"{path} cannot be written: make room, or give another --cache_dir")
