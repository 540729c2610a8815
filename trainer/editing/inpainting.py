"""Completions of pictures by any run: of one that was trained for it, else by its latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf

from trainer.configuration.editing import Search
from trainer.editing import projection
from trainer.editing.synthesis import Synthesis
from trainer.gan import completing, sampling
from trainer.runs.trained_networks import Trained
from trainer.system import activity


def completions(
    trained: Trained,
    pictures: np.ndarray,
    masks: np.ndarray,
    labels: np.ndarray,
    seeds: Sequence[int],
    search: Search,
) -> np.ndarray:
    """Completions of each picture, one a seed: uint8 `[N, seeds, height, width, channels]`.

    What is known stays as it is. A run that completes tells labels that are not given, see
    `gan/recognition.py`. A run that generates whole pictures is searched for the one that is
    nearest where pixels are known (Yeh et al. 2017, arXiv:1607.07539), which takes much longer.

    Args:
      trained: the run.
      pictures: uint8 `[N, height, width, channels]`; what is missing is not looked at.
      masks: uint8 `[N, height, width, 1]`, 1 where a pixel is missing.
      labels: integers `[N, attributes]`, -1 where not given.
      seeds: decide the latents, or where a search starts.
      search: of a run that generates whole pictures, but for its seed.

    Raises:
      RefusedError: the run was still growing.
    """
    if trained.recipe.completion.masks:
        complete = tf.function(trained.generate, autograph=False)
        parts = (complete, trained.recipe, pictures, masks, labels)
        count = len(pictures)
        made = [
            sampling.concatenated(completing.completions(*parts, seed), count) for seed in seeds
        ]
        return np.stack(made, axis=1)
    synthesis, found = Synthesis(trained), []
    for number, seed in enumerate(seeds, start=1):
        if len(seeds) > 1:
            activity.now(f"searching for completion {number} of {len(seeds)}")
        each = projection.project(synthesis, pictures, labels, masks, replace(search, seed=seed))
        found.append(np.where(masks, each.images, pictures))
    return np.stack(found, axis=1)
