"""The multiplications that an update is, by whomever it is done."""

from __future__ import annotations

from trainer.config import Recipe
from trainer.gan import build_networks
from trainer.models import cost

PASS = 1  # of images through a network
LEARNING = 3 * PASS  # forward, the gradient by the weights, the gradient by the inputs
# Slopes by the images are differentiated again: forward, slopes, and twice as much back.
PENALISED = 6 * PASS


def multiply_adds(recipe: Recipe) -> int:
    """Multiplications of a step on a batch of B images: what mathematics asks for, and no more.

    With G and D as the multiplications of one image's way through the networks' dense layers and
    convolutions, an update of both at once is `B * (3 G + 2 * 3 D)`: G makes B images and learns
    from them, D judges them and B real ones and learns from both; what G learns from falls off
    there. Updates in turn are `B * (G + 2 * 3 D)` for each of D, for which G makes images, and
    `B * (3 G + 2 D)` for that of G, for which D judges them and gives the gradient by them. R1 and
    R2 make the `2 * 3 D` twice as much wherever they are due; the gradient penalty adds `6 D`.
    Who computes anything twice, or more than that, is thereby farther from the peak.
    """
    generator, discriminator = (
        cost.multiply_adds(network) for network in build_networks(recipe, "float32")
    )
    objective = recipe.objective
    judging = 2 * LEARNING * discriminator
    if objective.gradient_penalty:
        judging += PENALISED * discriminator // objective.penalty_interval
    elif objective.penalised:
        judging += 2 * (PENALISED - LEARNING) * discriminator // objective.penalty_interval
    if objective.update == "simultaneous":
        return recipe.batch_size * (LEARNING * generator + judging)
    critic = objective.critic_steps * (PASS * generator + judging)
    return recipe.batch_size * (critic + LEARNING * generator + 2 * PASS * discriminator)
