"""The train command: refuses what cannot work, then trains or resumes under the run's lock."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from trainer.cloud.bucket import Bucket
from trainer.cloud.data import CopiedData
from trainer.configuration import checks
from trainer.configuration import config as configuration
from trainer.configuration.config import Config
from trainer.data import loading
from trainer.distribution import cluster_spec
from trainer.runs import in_bucket
from trainer.system import file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

Commit = Callable[[], None]


def run(config: Config) -> None:
    """Trains, resumes, or describes what would be trained.

    Raises:
      RefusedError: the run directory cannot be used, or holds a run of another recipe.
      InterruptedRun: a signal stopped the training, and it was saved; or storage is lost.
    """
    member = cluster_spec.find(config.runtime.strategy, os.environ)
    checks.check_replicas(config.recipe, len(member.addresses))
    if member.is_chief and config.job_dir_url is None:
        file_system.check_folder(config.job_dir, "job_dir")
    send_data = _fetch_data(config)
    loading.check(config.recipe.data, config.data_dir)
    if config.dry_run:
        if config.job_dir_url:
            in_bucket.fetch(config.job_dir_url, config.job_dir, "config.json")
        _refuse_another_recipe(config)
        from trainer.training import run

        run.describe(config, len(member.addresses))
        return
    # The other workers need not even see the run directory.
    with _held(config) if member.is_chief else nullcontext(_nothing) as send_run:
        if member.is_chief:
            _refuse_another_recipe(config)
        # TensorFlow is imported only now: what is wrong above is said at once.
        from trainer.training import run

        def commit() -> None:
            send_run()
            send_data()

        run.run(config, member, commit)


def _nothing() -> None:
    """The commit of a local folder."""


@contextmanager
def _held(config: Config) -> Iterator[Commit]:
    """Holds the run's lock, and yields what makes its commits last."""
    if config.job_dir_url:
        with in_bucket.held(config.job_dir_url, config.job_dir) as send:
            yield send
    else:
        file_system.make_folder(config.job_dir, "job_dir")
        with file_system.exclusive(config.job_dir, "job_dir"):
            yield _nothing


def _fetch_data(config: Config) -> Commit:
    """Fetches the data from their bucket, if they have one; gives what sends them back, once."""
    dataset = config.recipe.data.dataset
    if config.data_dir_url is None or dataset == "synthetic":
        return _nothing
    if config.dry_run:
        Bucket(config.data_dir_url, "data_dir")
        return _nothing
    copy = CopiedData(config.data_dir_url, config.data_dir, dataset)

    def send() -> None:
        try:
            copy.send()
        except RefusedError as error:  # the bucket may be for reading only
            log.info("data: what was prepared is not kept (%s)", error)

    return functools.cache(send)


def _refuse_another_recipe(config: Config) -> None:
    stored = configuration.read_json(config.job_dir)
    if stored is not None:
        checks.check_resume(stored, config)
