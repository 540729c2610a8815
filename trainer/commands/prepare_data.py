"""The prepare_data command: puts a data set into the data folder."""

from __future__ import annotations

import logging

import numpy as np

from trainer.cloud import data_folder, local_copies
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
    stored = loading.SOURCES[name].stored_as
    if config.places.cache_dir_url and (config.own_features or not stored):
        what = "not networks" if config.own_features else "not drawn ones"
        raise RefusedError(
            f"--cache_dir={config.places.cache_dir_url} keeps only what is made from a folder of "
            f"pictures, {what}: give a local one"
        )
    if config.own_features:
        file_system.make_folder(config.places.cache_dir, "cache_dir")
        _configure(config.threads)
    if name == "synthetic":
        log.info("data: synthetic is drawn at each start; there is nothing to prepare")
        _prepare_features(config)
        return
    folder, data_dir = data_folder.at(config.places), config.places.data_dir
    folder.fetch(name)
    loading.check(config.data, data_dir)
    if stored == fashion_mnist.NAME:
        place = data_dir / stored
        fashion_mnist.prepare(data_dir, config.source)
    elif stored in ("", IMAGE_FOLDER):
        place = config.places.cache_dir
        for split in ("train", "test"):
            images, _ = folder.load(config.data, split)
            if len(images) and not isinstance(images, np.memmap):
                raise RefusedError(
                    f"--cache_dir={place} keeps nothing, as said above: make room or choose another"
                )
        if not folder.keeps_pictures:
            raise RefusedError(
                f"--cache_dir={place} keeps nothing, as said above: give this account the role "
                "roles/storage.objectUser on the bucket, or name another"
            )
        if name == IMAGE_FOLDER:  # whose size a preset may decide in training, but not here
            side = config.data.image_shape[0]
            log.info(
                "data: prepared for --image_size=%d; other sizes are prepared when first used", side
            )
    else:
        place = data_dir / name
        prepared.prepare(config.data, data_dir)
    folder.send()
    _prepare_features(config)
    print(local_copies.shown(str(place)))


def _configure(threads: int) -> None:
    """Before data sets are prepared, which uses TensorFlow."""
    from trainer.system import determinism

    determinism.configure(threads)


def _prepare_features(config: PrepareConfig) -> None:
    """Trains the set's own networks, if they are asked for and not in the cache."""
    if not config.own_features:
        return
    from trainer.evaluation import own_network_files, own_networks

    data, cache_dir = config.data, config.places.cache_dir
    own_networks.provide(data, lambda: data_folder.at(config.places).load(data, "train"), cache_dir)
    path = own_network_files.path_in(cache_dir, data)
    if not path.exists():
        raise RefusedError(f"{path} cannot be written: make room, or give another --cache_dir")
