"""What the studio is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer.cloud.data_places import DataPlaces
from trainer.cloud.url import GsUrl


@dataclass(frozen=True)
class StudioConfig:
    """What `studio` is asked for."""

    job_dir: Path
    places: DataPlaces  # of the test pictures that it offers
    checkpoint: str  # latest, best, a step, or a path
    host: str  # where it listens
    port: int  # 0: a free one
    job_dir_url: GsUrl | None = None
