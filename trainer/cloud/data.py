"""Data sets in a bucket: fetched before they are read, and sent once they are prepared."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from pathlib import Path

from trainer.cloud.bucket import Bucket
from trainer.cloud.failures import Conflict
from trainer.cloud.mirror import Mirror
from trainer.cloud.url import GsUrl
from trainer.data import IMAGE_FOLDER

log = logging.getLogger(__name__)

FLAG = "data_dir"
_LAST = "dataset_info.json"  # sent after all else of a version, which is unfinished without it


class CopiedData:
    """The local copy of what a bucket holds of one data set."""

    def __init__(self, url: GsUrl, folder: Path, dataset: str) -> None:
        """Fetches what is there.

        Args:
          url: what `--data_dir` says.
          folder: the local copy.
          dataset: a folder in both; of `image_folder`, they are it themselves.

        Raises:
          RefusedError: no such bucket, or no permission.
          InterruptedRun: the storage cannot be reached.
        """
        part = "" if dataset == IMAGE_FOLDER else dataset
        inner = GsUrl(url.bucket, url.object_name(part).strip("/"))
        self._mirror = Mirror(Bucket(inner, FLAG), folder / part)
        self._mirror.fetch(_finished if part else iter)

    def send(self) -> None:
        """Sends what has been prepared since.

        Raises:
          RefusedError: no permission.
          InterruptedRun: the storage cannot be reached.
        """
        try:
            for name in sorted(self._mirror.changed(), key=lambda name: name.endswith(_LAST)):
                self._mirror.send(name)
        except Conflict:  # contents are equal, whoever prepares them
            log.info("data: another process puts it into %s, too", self._mirror.folder)


def _finished(names: Collection[str]) -> Iterable[str]:
    """All but the files of a prepared version whose sending was killed before its end."""
    return [
        name for name in names if "/" not in name or f"{name.partition('/')[0]}/{_LAST}" in names
    ]
