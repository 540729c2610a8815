"""Data sets wherever they lie: a bucket's are copied first, and what is prepared is sent there."""

from __future__ import annotations

import functools
import logging
from collections.abc import Collection, Iterable
from pathlib import Path

from trainer.cloud.bucket import Bucket
from trainer.cloud.data_places import DATA_DIR, DataPlaces
from trainer.cloud.failures import Conflict
from trainer.cloud.mirror import Mirror
from trainer.cloud.picture_folder import PictureFolder
from trainer.cloud.url import GsUrl
from trainer.data import loading
from trainer.data.datasets import IMAGE_FOLDER, DataChoice, DatasetSpec, LabelledImages

log = logging.getLogger(__name__)

_LAST_FILE = "dataset_info.json"  # of a prepared version; uploaded last, marks it as complete


@functools.cache
def at(places: DataPlaces) -> DataFolder:
    """The data folder there: one in a process, so that nothing is fetched twice."""
    return DataFolder(places)


class DataFolder:
    """The data folder: a local one, or the local copy of one in a bucket.

    Methods raise `RefusedError` where there is no such bucket, or no permission, and
    `InterruptedRun` where the storage cannot be reached.
    """

    def __init__(self, places: DataPlaces) -> None:
        self.places = places
        self._pictures = PictureFolder(places)
        self._copies: dict[str, CopiedData] = {}

    def specify(self, choice: DataChoice) -> DatasetSpec:
        """The data set as it lies there; refuses one that is not there or cannot be resized."""
        if choice.dataset == IMAGE_FOLDER:
            return self._pictures.specify(choice)
        if not loading.SOURCES[choice.dataset].is_pinned:
            self.fetch(choice.dataset)  # which decides what the set is
        return loading.specify(choice, self.places.data_dir)

    def fetch(self, dataset: str) -> None:
        """Downloads a prepared set's files from the bucket, once; pictures wait until needed."""
        url, stored = self.places.data_dir_url, loading.SOURCES[dataset].stored_as
        if url and stored not in ("", IMAGE_FOLDER) and stored not in self._copies:
            self._copies[stored] = CopiedData(url, self.places.data_dir, stored)

    def load(self, spec: DatasetSpec, split: str) -> LabelledImages:
        """Images and labels of `train` or `test`, as `loading.load` gives them."""
        if spec.dataset == IMAGE_FOLDER:
            return self._pictures.load(spec, split)
        self.fetch(spec.dataset)
        return loading.load(spec, split, self.places.data_dir, self.places.cache_dir)

    def check(self, spec: DatasetSpec) -> None:
        """Refuses a folder that neither holds the data nor can come to; decodes nothing."""
        if spec.dataset == IMAGE_FOLDER:
            self._pictures.find(spec)
        else:
            loading.check(spec, self.places.data_dir)

    def left_out(self, spec: DatasetSpec) -> tuple[str, ...]:
        """What of a folder of pictures is not used, as `specify` has found it."""
        return self._pictures.find(spec).left_out

    def forget(self) -> None:
        """Lets go of what is known of a folder's files, where they are not needed any more."""
        self._pictures.forget()

    def send(self) -> None:
        """Uploads the files that have been prepared since; refuses a read-only bucket."""
        for copy in self._copies.values():
            copy.send()

    @property
    def keeps_pictures(self) -> bool:
        """Whether what is made of pictures is kept where the cache is."""
        return self._pictures.keeps


class CopiedData:
    """The local copy of one data set in a bucket, or of other files that are there alike."""

    def __init__(self, url: GsUrl, folder: Path, dataset: str, flag: str = DATA_DIR) -> None:
        """Downloads the files of the data set.

        Args:
          url: the value of the flag.
          folder: the local copy of it.
          dataset: names a subfolder of both.
          flag: that names the folder.

        Raises:
          RefusedError: no such bucket, or no permission.
          InterruptedRun: the storage cannot be reached.
        """
        dataset_url = GsUrl(url.bucket, url.object_name(dataset))
        self._mirror = Mirror(Bucket(dataset_url, flag), folder / dataset)
        self._mirror.fetch(_completely_sent)

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
            log.info("data: another process is also putting it into %s", self._mirror.folder)


def _completely_sent(names: Collection[str]) -> Iterable[str]:
    """All names except files of prepared versions whose upload was killed before its end."""
    return [
        name
        for name in names
        if "/" not in name or f"{name.partition('/')[0]}/{_LAST_FILE}" in names
    ]
