"""Where the published Inception lies: beside prepared data, never among a user's own pictures."""

from __future__ import annotations

import functools
import logging
from pathlib import Path

from trainer.cloud.data_folder import CopiedData
from trainer.cloud.data_places import CACHE_DIR, DATA_DIR, DataPlaces
from trainer.data.datasets import IMAGE_FOLDER
from trainer.evaluation import inception
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)


@functools.cache
def provide(dataset: str, places: DataPlaces) -> Path:
    """The path of the graph, for features of this data set; downloaded if necessary.

    Raises:
      RefusedError: as of `inception.fetch`.
      InterruptedRun: it cannot be downloaded now, or the storage cannot be reached.
    """
    folder, url, flag = places.data_dir, places.data_dir_url, DATA_DIR
    if dataset == IMAGE_FOLDER and not (folder / inception.FOLDER / inception.FILE).exists():
        folder, url, flag = places.cache_dir, places.cache_dir_url, CACHE_DIR
    copied = CopiedData(url, folder, inception.FOLDER, flag) if url else None
    path = inception.fetch(folder, flag)
    if copied:
        try:
            copied.send()
        except RefusedError as error:
            log.info("Inception will be downloaded again next time: %s", error)
    return path
