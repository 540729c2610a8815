"""The studio command: a page on which a run draws, edits and completes pictures."""

from __future__ import annotations

import importlib.util
import shlex
import sys

from trainer.configuration.studio import StudioConfig
from trainer.runs import stored_runs
from trainer.system.exits import RefusedError

_GRADIO = "gradio>=6.31,<7"  # as the extra `studio` has it


def run(config: StudioConfig) -> None:
    """Serves the page, prints where, and returns once a signal ends it.

    A server that is told to end has nothing left to do, so that is its normal end, with exit code
    0; 143 would ask a cluster to start it again. While it still starts, signals end it as they end
    any command.

    Raises:
      RefusedError: Gradio is not there, there is no such run or checkpoint, or the port is taken.
    """
    if not _has_gradio():
        pip = shlex.join([sys.executable, "-m", "pip", "install", _GRADIO])
        raise RefusedError(f"the page needs Gradio, which is not installed: {pip}")
    stored_runs.fetch(config.job_dir_url, config.job_dir, config.checkpoint)
    stored = stored_runs.read_with_checkpoint(config.job_dir, config.checkpoint)
    from trainer.studio import server

    with server.listening(config.host, config.port) as listener:
        # TensorFlow is imported only now: what is wrong above is said at once.
        server.serve(config, stored, listener)


def _has_gradio() -> bool:
    try:
        return importlib.util.find_spec("gradio") is not None
    except ValueError:  # it is kept from being imported
        return False
