"""The multiplications that an update is, by whomever it is done."""

from __future__ import annotations

import functools
import math

import keras
from keras import layers

from trainer.configuration.config import Recipe
from trainer.gan.networks import build_networks
from trainer.models import flops

PASS = 1  # of images through a network
LEARNING = 3 * PASS  # forward, the gradient by the weights, the gradient by the inputs
# Gradients by the images are differentiated again: forward, gradients, and twice as much back.
PENALISED = 6 * PASS


def multiply_adds(recipe: Recipe) -> int:
    """Multiplications of a step on a batch of B images, by zeros in the margins of images, too.

    With G and D as the multiplications of one image's way through the networks' dense layers and
    convolutions, an update of both at once is `B * (3 G + 2 * 3 D)`: G makes B images and learns
    from them, D judges them and B real ones and learns from both; what G learns from falls off
    there. Updates in turn are `B * (G + 2 * 3 D)` for each of D, for which G makes images, and
    `B * (3 G + 2 D)` for that of G, for which D judges them and gives the gradient by them. R1 and
    R2 make the `2 * 3 D` twice as much wherever they are due; the gradient penalty adds `6 D`.
    Who computes anything twice, or more than that, is thereby farther from the peak.
    """
    return _of_a_step(recipe, *(flops.multiply_adds(network) for network in _networks(recipe)))


def without_margins(recipe: Recipe) -> int:
    """The same, but for the zeros that "same" padding puts around images: what must be done."""
    return _of_a_step(recipe, *(_inside(network) for network in _networks(recipe)))


@functools.lru_cache(maxsize=1)
def _networks(recipe: Recipe) -> tuple[keras.Model, keras.Model]:
    """They are made once for both numbers, which are asked for one after the other."""
    return build_networks(recipe, "float32")


def _of_a_step(recipe: Recipe, generator: int, discriminator: int) -> int:
    """From those of an image's way through each network."""
    objective = recipe.objective
    of_discriminator = 2 * LEARNING * discriminator
    if objective.gradient_penalty:
        of_discriminator += PENALISED * discriminator // objective.penalty_interval
    elif objective.penalised:
        of_discriminator += 2 * (PENALISED - LEARNING) * discriminator // objective.penalty_interval
    if objective.update == "simultaneous":
        return recipe.batch_size * (LEARNING * generator + of_discriminator)
    critic = objective.critic_steps * (PASS * generator + of_discriminator)
    return recipe.batch_size * (critic + LEARNING * generator + 2 * PASS * discriminator)


def _inside(network: keras.Model) -> int:
    """Multiplications of an image's way, of pixels that there are."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, (layers.Conv2D, layers.Conv2DTranspose)):
            upwards = isinstance(layer, layers.Conv2DTranspose)
            images = layer.input[0] if isinstance(layer.input, list) else layer.input  # modulated
            wide, narrow = (layer.output, images) if upwards else (images, layer.output)
            kernel = flops.applied_shape(layer)
            across = (wide.shape[1:3], narrow.shape[1:3], kernel[:2], layer.strides)
            taps = [_taps(*along) for along in zip(*across, strict=True)]
            total += math.prod(taps) * math.prod(kernel[2:])
        elif isinstance(layer, layers.Dense):
            total += math.prod(layer.kernel.shape)
    return total


def _taps(wide: int, narrow: int, size: int, stride: int) -> int:
    """How often, along a side, a convolution from `wide` to `narrow` pixels meets a pixel."""
    before = max((narrow - 1) * stride + size - wide, 0) // 2
    places = (at * stride - before + tap for at in range(narrow) for tap in range(size))
    return sum(0 <= place < wide for place in places)
