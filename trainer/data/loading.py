"""The one door to every data set."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from trainer import storage
from trainer.data import fashion_mnist, synthetic
from trainer.data.fashion_mnist import Arrays

log = logging.getLogger(__name__)


def load(dataset: str, split: str, data_dir: Path) -> Arrays:
    """Images and labels of `train` or `test`, prepared first if need be.

    Raises:
      RefusedError: no source can be reached, or the data are not what they should be.
    """
    return _LOADERS[dataset](split, data_dir)


def check(dataset: str, data_dir: Path) -> None:
    """Refuses a folder in which the data set neither stands nor can be prepared; reads no data.

    Raises:
      RefusedError: as the name says.
    """
    if dataset != "synthetic" and not fashion_mnist.is_prepared(data_dir):
        storage.check_folder(data_dir, "data_dir")


def _load_synthetic(split: str, data_dir: Path) -> Arrays:
    del data_dir
    log.info("data: synthetic, drawn in code")
    return synthetic.load(split)


_LOADERS: dict[str, Callable[[str, Path], Arrays]] = {
    "fashion_mnist": fashion_mnist.load,
    "synthetic": _load_synthetic,
}
