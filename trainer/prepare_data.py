"""The prepare_data command: puts a data set into the data folder."""

from __future__ import annotations

import logging

from trainer.config import PrepareConfig
from trainer.data import fashion_mnist
from trainer.exits import RefusedError

log = logging.getLogger(__name__)


def run(config: PrepareConfig) -> None:
    """Prepares the set and prints where it lies."""
    if config.dataset == "synthetic":
        if config.source:
            raise RefusedError("--source makes no sense with --dataset=synthetic: leave it out")
        log.info("data: synthetic is drawn at each start, there is nothing to prepare")
        return
    fashion_mnist.prepare(config.data_dir, config.source)
    print(config.data_dir / fashion_mnist.NAME)
