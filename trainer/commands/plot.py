"""The plot command: loss curves from the run's own records."""

from __future__ import annotations

from trainer.cloud import local_copies
from trainer.configuration.config import PlotConfig
from trainer.monitoring import curves
from trainer.runs import in_bucket, overview


def run(config: PlotConfig) -> None:
    """Draws the curves and prints the picture's path."""
    copy = None
    if config.job_dir_url:
        copy = in_bucket.fetch(config.job_dir_url, config.job_dir, *overview.FILES)
    picture = curves.draw(config.job_dir)
    if copy:
        in_bucket.add(copy)
    print(local_copies.shown(str(picture)))
