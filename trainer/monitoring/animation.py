"""A run's grids as one animation: the same latents through the training."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from PIL import Image

from trainer import run_layout
from trainer.monitoring import image_files

log = logging.getLogger(__name__)

MOST_FRAMES = 60
MILLISECONDS = 150
REST_MILLISECONDS = 2000  # of the last one
MOST_SIDE = 700  # pixels, which a page can show


def write(job_dir: Path) -> None:
    """Writes the animation of a run's grids of epochs, if there are several of one size.

    Those that cannot be read are left out, with a warning: a run does not fail over them.
    """
    grids = (job_dir / run_layout.RESULTS).glob(run_layout.GRIDS)
    paths = sorted(grids, key=lambda path: (len(path.name), path.name))
    if len(paths) > MOST_FRAMES:
        paths = [paths[index] for index in np.linspace(0, len(paths) - 1, MOST_FRAMES).astype(int)]
    read = [frame for frame in map(_frame, paths) if frame is not None]
    frames = [frame for frame in read if frame.shape == read[-1].shape]
    if len(frames) > 1:
        path = job_dir / run_layout.ANIMATION
        image_files.write_gif(path, frames, MILLISECONDS, REST_MILLISECONDS)


def _frame(path: Path) -> np.ndarray | None:
    try:
        with Image.open(path) as picture:
            picture.thumbnail((MOST_SIDE, MOST_SIDE))
            pixels = np.asarray(picture)
    except (OSError, ValueError, SyntaxError) as error:  # damage shows in many ways
        log.warning("%s is left out of the animation: it cannot be read (%s)", path, error)
        return None
    return pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]
