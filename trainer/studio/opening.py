"""The run that is asked for, read for the page."""

from __future__ import annotations

import logging

import tensorflow as tf

from trainer import run_layout
from trainer.configuration.choices import LATEST
from trainer.configuration.config_json import RunConfig
from trainer.configuration.studio import StudioConfig
from trainer.runs import checkpoint_files, trained_networks
from trainer.runs.checkpoint_files import BEST
from trainer.studio import examples
from trainer.studio.open_run import OpenRun
from trainer.system import activity


def opened(config: StudioConfig, stored: RunConfig) -> OpenRun:
    """Reads the networks, and pictures to choose from.

    Raises:
      RefusedError: the checkpoint is damaged.
    """
    tf.get_logger().setLevel(logging.ERROR)  # each search traces graphs anew, and is no news
    trained = trained_networks.load(stored, config.job_dir, config.checkpoint)
    activity.now("looking for test pictures")
    given = None if trained.growing else examples.read(trained.recipe, config)
    name = str(config.job_dir_url or config.job_dir)
    checkpoint = config.checkpoint
    there = checkpoint_files.complete(config.job_dir / run_layout.CHECKPOINTS)
    if checkpoint in (LATEST, BEST) and trained.step in there:
        checkpoint = str(trained.step)  # stays what it is, also while the run goes on
    chosen = [] if checkpoint == LATEST else [f"--checkpoint={checkpoint}"]
    return OpenRun(trained, name, (f"--job_dir={name}", *chosen), given)
