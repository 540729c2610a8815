"""The plot command: loss curves from the run's own records."""

from __future__ import annotations

from trainer import run_layout
from trainer.cloud import local_copies
from trainer.configuration.config import PlotConfig
from trainer.monitoring import curves
from trainer.runs import in_bucket
from trainer.system.exits import RefusedError


def run(config: PlotConfig) -> None:
    """Draws the curves and prints the picture's path.

    Raises:
      RefusedError: the run has no records.
    """
    copy = in_bucket.fetch(config.job_dir_url, config.job_dir, *curves.FILES)
    picture = curves.draw(config.job_dir)
    if picture is None:
        raise RefusedError(f"{config.job_dir / run_layout.METRICS} holds no records: train first")
    in_bucket.add(copy)
    print(local_copies.shown(str(picture)))
