"""The train command: refuses what cannot work, then trains or resumes under the run's lock."""

from __future__ import annotations

import contextlib
import os

from trainer import checks, membership, storage
from trainer import config as configuration
from trainer.config import Config
from trainer.data import loading


def run(config: Config) -> None:
    """Trains, resumes, or describes what would be trained.

    Raises:
      RefusedError: the run directory cannot be used, or holds a run of another recipe.
      InterruptedRun: a signal stopped the training, and it was saved.
    """
    member = membership.find(config.runtime.strategy, os.environ)
    checks.check_replicas(config.recipe, len(member.addresses))
    if member.is_chief:
        storage.check_folder(config.job_dir, "job_dir")
    loading.check(config.recipe.data, config.data_dir)
    if config.dry_run:
        _refuse_another_recipe(config)
        from trainer import training

        training.describe(config, len(member.addresses))
        return
    with contextlib.ExitStack() as stack:
        if member.is_chief:  # the other workers need not even see the run directory
            storage.make_folder(config.job_dir, "job_dir")
            stack.enter_context(storage.exclusive(config.job_dir, "job_dir"))
            _refuse_another_recipe(config)
        # TensorFlow is imported only now: what is wrong above is said at once.
        from trainer import training

        training.run(config, member)


def _refuse_another_recipe(config: Config) -> None:
    stored = configuration.read_json(config.job_dir)
    if stored is not None:
        checks.check_resume(stored, config)
