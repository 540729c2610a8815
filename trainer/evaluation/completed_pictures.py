"""Completions of real pictures, to be measured: with masks of all kinds that a run has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.configuration.config import Recipe
from trainer.data import reading
from trainer.evaluation import completion_metrics
from trainer.gan import completing, sampling
from trainer.gan.completing import Complete

SEED = 0
SPREAD_OF = 64  # pictures
COMPLETIONS = 8  # of each of these


@dataclass(frozen=True)
class IncompletePictures:
    """Pictures, what is missing of them, and what the generator is told of them."""

    pictures: np.ndarray  # uint8 [N, height, width, channels]
    masks: np.ndarray  # uint8 [N, height, width, 1], 1 where missing
    labels: np.ndarray  # integers [N, attributes], -1 where not given

    def completed(self, complete: Complete, recipe: Recipe, seed: int = SEED) -> np.ndarray:
        """A completion of each: uint8 `[N, height, width, channels]`."""
        parts = completing.completions(
            complete, recipe, self.pictures, self.masks, self.labels, seed
        )
        return sampling.concatenated(parts, len(self.pictures))

    def metrics(
        self, complete: Complete, recipe: Recipe, completed: np.ndarray
    ) -> dict[str, float]:
        """How near completions are, and how much those of one picture differ.

        Args:
          complete: of the generator.
          recipe: of its training.
          completed: from `completed`.
        """
        some = IncompletePictures(
            self.pictures[:SPREAD_OF], self.masks[:SPREAD_OF], self.labels[:SPREAD_OF]
        )
        seeds = range(SEED + 1, SEED + 1 + COMPLETIONS)
        several = np.stack([some.completed(complete, recipe, seed) for seed in seeds])
        return {
            "completion_psnr": completion_metrics.mean_psnr(completed, self.pictures, self.masks),
            "completion_spread": completion_metrics.spread(several, some.masks),
        }


def incomplete_pictures(
    recipe: Recipe, images: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> IncompletePictures:
    """Pictures of a data set with masks of the run's kinds, by turns.

    Args:
      recipe: of the run.
      images: uint8 `[M, height, width, channels]`.
      labels: integers `[M, attributes]`.
      rows: of both, `[N]`.
    """
    shape = recipe.data.image_shape
    masks = completing.masks_in_turn(recipe.completion.kinds, len(rows), SEED, shape)
    pictures = reading.reader(images)(rows)
    return IncompletePictures(pictures, masks, labels[rows])
