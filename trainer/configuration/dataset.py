"""What a data set is, as far as it must be known before a training is configured."""

from __future__ import annotations

from pathlib import Path

from trainer.cloud.data import CopiedData
from trainer.cloud.url import GsUrl
from trainer.data import loading
from trainer.data.datasets import DatasetSpec


def specify(
    dataset: str, image_size: int | None, data_dir: Path, data_dir_url: GsUrl | None
) -> DatasetSpec:
    """The data set as it lies in the data folder, of which a bucket's is copied first.

    Raises:
      RefusedError: it cannot be resized, the folder holds no pictures, or there is no such bucket.
      InterruptedRun: the storage cannot be reached.
    """
    if data_dir_url and dataset not in loading.PINNED:
        CopiedData(data_dir_url, data_dir, dataset)  # decides what the set is
    return loading.specify(dataset, data_dir, image_size)
