"""Directions in which images change much, in closed form (SeFa: arXiv:2007.06600)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np

from trainer.data.labels import NOT_GIVEN
from trainer.editing.codes import Codes
from trainer.editing.synthesis import Synthesis
from trainer.gan import sampling
from trainer.models import mapping
from trainer.system.exits import RefusedError

_PAIRS = 512  # of samples, whose differences scale directions; at least two a number of a style
_STILL = 1e-6  # of the largest: samples vary as little as this where they do not


@dataclass(frozen=True)
class Directions:
    """Directions of styles, or of latents where there are none, the strongest first."""

    vectors: np.ndarray  # float32 [number, size]: each a standard deviation of samples long
    layers: tuple[int, ...]  # of the styles that they move

    def moved(self, codes: Codes, number: int, strengths: np.ndarray) -> Codes:
        """Codes moved along a direction.

        Args:
          codes: of N images.
          number: of the direction, from 1.
          strengths: in standard deviations, `[N]`.
        """
        steps = strengths[:, np.newaxis].astype(np.float32) * self.vectors[number - 1]
        if codes.styles is None:
            return replace(codes, latents=codes.latents + steps)
        styles = codes.styles.copy()
        styles[:, list(self.layers)] += steps[:, np.newaxis]
        return replace(codes, styles=styles)


def closed_form(synthesis: Synthesis, layers: Sequence[int] | None = None) -> Directions:
    """The directions along which what the weights make of styles, or of latents, changes most.

    Shen and Zhou 2020: eigenvectors of A A^T, A the kernels side by side, each unit's weights of
    length one; but in the space in which samples of a label differ at all, without what labels
    alone decide, and where latents are there twice with both alike. Of each the sign is that by
    which its largest number is positive.

    Args:
      synthesis: of the generator.
      layers: of the styles that are to move; None: all.

    Raises:
      RefusedError: there is no such layer.
      LinAlgError: a weight is not finite, or all samples of a label are one.
    """
    moved = _layers(synthesis, layers)
    if synthesis.style_shape:
        kernels = mapping.style_kernels(synthesis.generator)
        weights = np.concatenate([each for layer in moved for each in kernels[layer]], axis=1)
    else:
        weights = _latent_rows(synthesis.generator, synthesis.recipe.networks.noise_dim)
    lengths = np.linalg.norm(weights, axis=0, keepdims=True)
    unit = weights.astype(np.float64) / np.maximum(lengths, 1e-12)
    differences = _differences(synthesis, max(_PAIRS, 2 * len(unit)))
    _, sizes, axes = np.linalg.svd(differences, full_matrices=False)
    axes = axes[sizes > _STILL * max(sizes[0], 1e-12)]
    if not len(axes):
        raise np.linalg.LinAlgError("none of the styles' numbers differs between samples")
    within = axes @ unit
    vectors = np.linalg.eigh(within @ within.T).eigenvectors.T[::-1] @ axes
    largest = np.abs(vectors).argmax(axis=1)
    vectors *= np.sign(vectors[np.arange(len(vectors)), largest])[:, np.newaxis]
    vectors *= (differences @ vectors.T).std(axis=0)[:, np.newaxis]
    return Directions(vectors.astype(np.float32), moved)


def check_number(directions: Directions, flag: str, number: int) -> None:
    """Refuses more directions than there are.

    Raises:
      RefusedError: as it says.
    """
    if number > len(directions.vectors):
        raise RefusedError(f"--{flag}={number}: this run has {len(directions.vectors)} directions")


def _layers(synthesis: Synthesis, layers: Sequence[int] | None) -> tuple[int, ...]:
    """Those that are asked for, if they are there."""
    there = synthesis.style_shape[0] if synthesis.style_shape else 0
    if layers is None:
        return tuple(range(there))
    check_layers(synthesis, layers)
    return tuple(layers)


def check_layers(synthesis: Synthesis, layers: Sequence[int]) -> None:
    """Refuses layers of styles that the generator does not have.

    Raises:
      RefusedError: as it says.
    """
    if synthesis.style_shape is None:
        raise RefusedError("--layers: this run's generator has no styles; leave it out")
    if max(layers) >= synthesis.style_shape[0]:
        last = synthesis.style_shape[0] - 1
        raise RefusedError(f"--layers: this run's styles have layers 0 to {last}")


def _latent_rows(generator: keras.Model, noise_dim: int) -> np.ndarray:
    """What the first dense layer multiplies latents by: `[noise_dim, units]`.

    In every architecture latents come before what is joined with them.
    """
    dense = (layer for layer in generator.layers if isinstance(layer, keras.layers.Dense))
    first = next(layer for layer in dense if layer.name != "label_embedding")
    return first.kernel.numpy()[:noise_dim]


def _differences(synthesis: Synthesis, pairs: int) -> np.ndarray:
    """Those of two samples with the same labels, as large as one sample's from their mean.

    Args:
      synthesis: of the generator.
      pairs: how many.

    Returns:
      Of styles, or of latents where there are none: float64 `[pairs, size]`.
    """
    recipe = synthesis.recipe
    labels = np.full((pairs, len(recipe.data.attributes)), NOT_GIVEN)
    if recipe.networks.conditional:
        for column, size in enumerate(recipe.data.label_sizes):
            labels[:, column] = np.arange(pairs) % size
    latents = sampling.latents(recipe, 0, 0, 2 * pairs).numpy()
    codes = synthesis.codes(latents, np.repeat(labels, 2, axis=0))
    values = codes.latents if codes.styles is None else codes.styles[:, 0]
    return (values[::2].astype(np.float64) - values[1::2]) / 2**0.5
