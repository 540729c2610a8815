"""Results of single checkpoints: networks are restored, and measured on one device."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.cloud import data_folder
from trainer.cloud.mirror import Mirror
from trainer.configuration.config import EvaluateConfig, Recipe
from trainer.configuration.config_json import RunConfig
from trainer.data.datasets import LabelledImages
from trainer.evaluation import evaluator, protocols
from trainer.evaluation.evaluator import Evaluator
from trainer.models import forms
from trainer.runs import in_bucket, trained_networks
from trainer.runs.trained_networks import Trained
from trainer.system import activity, determinism
from trainer.system.exits import InterruptedRun, RefusedError

log = logging.getLogger(__name__)


def load(settings: EvaluateConfig) -> Trained:
    """The networks of the checkpoint that is asked for.

    Raises:
      RefusedError: there is no such run or checkpoint, or it is damaged.
    """
    activity.now("reading the generator")
    _configure(settings.threads)
    return trained_networks.load(settings.job_dir, settings.checkpoint)


def restore(stored: RunConfig, path: Path, settings: EvaluateConfig) -> Trained:
    """The networks of a checkpoint of a run, by its path without suffix.

    Raises:
      RefusedError: it is damaged, or gone.
    """
    _configure(settings.threads)
    forms.use(stored.execution.forms)
    return trained_networks.restore(stored.recipe, settings.job_dir, str(path))


def measure(network: Trained, settings: EvaluateConfig, mirror: Mirror | None) -> dict[str, Any]:
    """The step, the protocol and all metrics.

    Args:
      network: what is measured.
      settings: of the command.
      mirror: the local copy of a run in a bucket, which gets the networks that are trained; None:
        nothing is written into a bucket.
    """
    log.info("evaluating %s", network.source)
    activity.now(f"evaluating {network.source}")
    return _evaluator(network.recipe, settings, mirror)(network)


@functools.cache
def _configure(threads: int) -> None:
    """One device, whatever the run was trained on."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    determinism.enable()


@functools.cache
def _evaluator(recipe: Recipe, settings: EvaluateConfig, mirror: Mirror | None) -> Evaluator:
    def publish() -> None:
        if mirror is None:
            return
        try:
            in_bucket.add(mirror)
        except (RefusedError, InterruptedRun) as error:  # what is measured is printed all the same
            log.warning("the networks are not kept: %s", error)

    protocols.check(recipe, settings)
    seen_with = evaluator.networks(
        recipe, settings, lambda: _load(recipe, settings, "train"), publish
    )
    train, test = (_load(recipe, settings, split) for split in ("train", "test"))
    return Evaluator(recipe, settings, seen_with, train, test)


@functools.cache
def _load(recipe: Recipe, settings: EvaluateConfig, split: str) -> LabelledImages:
    return data_folder.at(settings.places).load(recipe.data, split)
