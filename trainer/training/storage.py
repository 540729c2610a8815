"""Where a run reads and writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from trainer.data.datasets import DatasetSpec, LabelledImages


class Hold(NamedTuple):
    """What keeps a run directory for this process alone."""

    commit: Callable[[], None]  # makes it last as it is: after each save, and at the end
    confirm: Callable[[], None]  # refuses to go on where it is another's, or gone


@dataclass(frozen=True)
class Storage:
    """What a run reads and writes."""

    job_dir: Path
    cache_dir: Path  # what is made of the data only, and could be made again
    load: Callable[[DatasetSpec], LabelledImages]  # gives the training images and their labels
    hold: Hold  # on job_dir
    initialize_from: Path | None = None  # the directory of a run whose weights a new one takes
    data_flags: tuple[str, ...] = ()  # the user's flags that say where the data lie
    is_sent: bool = False  # whether what is saved goes to a bucket, which takes its time

    @property
    def network_folders(self) -> tuple[Path, Path]:
        """Where the networks lie that a run is evaluated with."""
        return self.job_dir, self.cache_dir
