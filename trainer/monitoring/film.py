"""A run's grids as one animation: the same latents through the training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from trainer.monitoring import image_grids

FILE = "training.gif"
MOST_FRAMES = 60
MILLISECONDS = 150
REST_MILLISECONDS = 2000  # of the last one
MOST_SIDE = 700  # pixels, which a page can show


def write(results: Path) -> None:
    """Writes the film of the grids of epochs, if there are several of one size."""
    paths = sorted(results.glob("epoch_*.png"), key=lambda path: (len(path.name), path.name))
    if len(paths) > MOST_FRAMES:
        paths = [paths[index] for index in np.linspace(0, len(paths) - 1, MOST_FRAMES).astype(int)]
    frames = [_frame(path) for path in paths]
    frames = [frame for frame in frames if frame.shape == frames[-1].shape]
    if len(frames) > 1:
        image_grids.write_gif(results / FILE, frames, MILLISECONDS, REST_MILLISECONDS)


def _frame(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        picture.thumbnail((MOST_SIDE, MOST_SIDE))
        pixels = np.asarray(picture)
    return pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]
