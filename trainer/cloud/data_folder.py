"""Data sets in a bucket: downloaded before they are read, uploaded once they are prepared."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from pathlib import Path

from trainer.cloud.bucket import Bucket
from trainer.cloud.failures import Conflict
from trainer.cloud.mirror import Mirror
from trainer.cloud.url import GsUrl
from trainer.data import loading
from trainer.data.datasets import IMAGE_FOLDER, DataChoice, DatasetSpec
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

FLAG = "data_dir"
_LAST_FILE = "dataset_info.json"  # of a prepared version; uploaded last, marks it as complete


class DataFolder:
    """The data folder: a local one, or the local copy of one in a bucket."""

    def __init__(self, path: Path, url: GsUrl | None) -> None:
        self.path = path
        self._url = url
        self._copies: dict[str, CopiedData] = {}

    def fetch(self, dataset: str) -> None:
        """Downloads a data set's files from the bucket, once.

        Raises:
          RefusedError: no such bucket, or no permission.
          InterruptedRun: the storage cannot be reached.
        """
        stored = loading.stored_as(dataset)
        if self._url and stored and stored not in self._copies:
            self._copies[stored] = CopiedData(self._url, self.path, stored)

    def send(self) -> None:
        """Uploads the files that have been prepared since, once. The bucket may be read-only.

        Raises:
          InterruptedRun: the storage cannot be reached.
        """
        while self._copies:
            _, copy = self._copies.popitem()
            try:
                copy.send()
            except RefusedError as error:
                log.info("data: what was prepared is not kept (%s)", error)


class CopiedData:
    """The local copy of one data set in a bucket."""

    def __init__(self, url: GsUrl, folder: Path, dataset: str) -> None:
        """Downloads the files of the data set.

        Args:
          url: the value of `--data_dir`.
          folder: the local copy of it.
          dataset: names a subfolder of both; `image_folder` stands for the folders themselves.

        Raises:
          RefusedError: no such bucket, or no permission.
          InterruptedRun: the storage cannot be reached.
        """
        subfolder = "" if dataset == IMAGE_FOLDER else dataset
        dataset_url = GsUrl(url.bucket, url.object_name(subfolder).strip("/"))
        self._mirror = Mirror(Bucket(dataset_url, FLAG), folder / subfolder)
        self._mirror.fetch(_completely_sent if subfolder else iter)

    def send(self) -> None:
        """Uploads the files that have been prepared since.

        Raises:
          RefusedError: no permission.
          InterruptedRun: the storage cannot be reached.
        """
        try:
            for name in sorted(self._mirror.changed(), key=lambda name: name.endswith(_LAST_FILE)):
                self._mirror.send(name)
        except Conflict:  # every process prepares the same content
            log.info("data: another process puts it into %s, too", self._mirror.folder)


def _completely_sent(names: Collection[str]) -> Iterable[str]:
    """All names except files of prepared versions whose upload was killed before its end."""
    return [
        name
        for name in names
        if "/" not in name or f"{name.partition('/')[0]}/{_LAST_FILE}" in names
    ]


def specify(choice: DataChoice, data_dir: Path, data_dir_url: GsUrl | None) -> DatasetSpec:
    """The data set as it lies in the data folder, of which a bucket's is copied first.

    Raises:
      RefusedError: it cannot be resized, the folder holds no pictures, or there is no such bucket.
      InterruptedRun: the storage cannot be reached.
    """
    if data_dir_url and choice.dataset not in loading.PINNED:
        CopiedData(data_dir_url, data_dir, choice.dataset)  # decides what the set is
    return loading.specify(choice, data_dir)
