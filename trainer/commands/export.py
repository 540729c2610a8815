"""The export command: a trained network in the formats that others read."""

from __future__ import annotations

import logging

from trainer.cloud import workspace
from trainer.configuration.config import ExportConfig
from trainer.runs import formats, in_bucket, trained
from trainer.system import file_system

log = logging.getLogger(__name__)


def run(config: ExportConfig) -> None:
    """Writes the network and prints where."""
    copy = None
    if config.job_dir_url:
        copy = in_bucket.fetch(config.job_dir_url, config.job_dir, *trained.FILES)
    networks = trained.load(config.job_dir, config.checkpoint)
    file_system.make_folder(config.output.parent, "output")
    log.info("exporting the %s of %s", config.network, networks.source)
    formats.write(networks, config.network, config.format, config.output)
    if copy:
        in_bucket.add(copy)
    print(workspace.shown(str(config.output)))
