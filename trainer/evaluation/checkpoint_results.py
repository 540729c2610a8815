"""Results of a run's checkpoints: networks are restored, and measured on one device."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

from trainer.cloud import data_folder
from trainer.cloud.data_places import DataPlaces
from trainer.cloud.mirror import Mirror
from trainer.configuration.config import Measurement
from trainer.configuration.config_json import RunConfig
from trainer.evaluation import evaluator
from trainer.evaluation.evaluator import Evaluator
from trainer.runs import in_bucket, trained_networks
from trainer.runs.trained_networks import Trained
from trainer.system import activity
from trainer.system.exits import InterruptedRun, RefusedError

log = logging.getLogger(__name__)


class CheckpointResults:
    """Measures checkpoints of one run; what they share is made for the first of them."""

    def __init__(
        self,
        stored: RunConfig,
        job_dir: Path,
        places: DataPlaces,
        asked: Measurement,
        mirror: Mirror | None,
    ) -> None:
        """Takes what is known of the run; nothing is read yet.

        Args:
          stored: the run's configuration.
          job_dir: its directory.
          places: of its data.
          asked: how it is measured.
          mirror: the local copy of a run in a bucket, which gets the networks that are trained;
            None: nothing is written into a bucket.
        """
        self.stored = stored
        self._job_dir = job_dir
        self._places = places
        self._asked = asked
        self._mirror = mirror

    def restore(self, checkpoint: str) -> Trained:
        """The networks of a checkpoint: `latest`, `best`, a step, or a path without suffix.

        Raises:
          RefusedError: it is damaged, or gone.
        """
        return trained_networks.load(self.stored, self._job_dir, checkpoint)

    def measure(self, trained: Trained) -> dict[str, Any]:
        """The step, the protocol and all metrics."""
        log.info("evaluating %s", trained.source)
        activity.now(f"evaluating {trained.source}")
        return self._evaluator(trained)

    @functools.cached_property
    def _evaluator(self) -> Evaluator:
        recipe, folder = self.stored.recipe, data_folder.at(self._places)
        train = functools.cache(lambda: folder.load(recipe.data, "train"))
        networks = evaluator.networks(
            *(recipe.data, self._asked.features, self._job_dir, self._places),
            train,
            self._publish,
        )
        test = folder.load(recipe.data, "test")
        cache_dir = self._places.cache_dir
        return Evaluator(recipe, self._asked, cache_dir, networks, train(), test)

    def _publish(self) -> None:
        if self._mirror is None:
            return
        try:
            in_bucket.add(self._mirror)
        except (RefusedError, InterruptedRun) as error:  # what is measured is printed all the same
            log.warning("the networks are not kept: %s", error)
