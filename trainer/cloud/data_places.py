"""Where data lie, and where what is made from them is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer.cloud.url import GsUrl

DATA_DIR, CACHE_DIR = "data_dir", "cache_dir"  # the flags that name them


@dataclass(frozen=True)
class DataPlaces:
    """The two folders of data. One with a URL is the local copy of a bucket's."""

    data_dir: Path  # of prepared sets, or of pictures
    cache_dir: Path  # of arrays made of pictures, and of the data's own networks
    data_dir_url: GsUrl | None = None
    cache_dir_url: GsUrl | None = None
