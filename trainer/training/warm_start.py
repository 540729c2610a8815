"""A new run's weights, taken from another run wherever they fit."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf

from trainer import run_layout
from trainer.configuration import config_json, step_counts
from trainer.configuration.choices import ARCHITECTURES, FORMER_NAMES, LATEST, NETWORKS
from trainer.configuration.config import Networks, Recipe
from trainer.configuration.config_json import RunConfig
from trainer.data.datasets import Attribute
from trainer.gan.state import FashionGAN
from trainer.models import spectral
from trainer.models.conditioning import CONDITIONED, RECOGNISED
from trainer.plurals import counted
from trainer.runs import checkpoints, state_variables
from trainer.runs.state_variables import Tensors
from trainer.system.exits import RefusedError
from trainer.training import layer_matching
from trainer.training.layer_matching import Shapes

log = logging.getLogger(__name__)

_SINGULAR = "singular/"  # the part of the state with vectors of spectral normalisation
_OF_LABELS = ("label_", RECOGNISED)  # what names of layers that learn labels begin with


def initialised(run: RunConfig, gan: FashionGAN, source: Path) -> RunConfig:
    """Gives an untrained state the weights of another run's latest checkpoint, where they fit.

    The moving average starts as the other's is, or as its generator, and is short at first where
    layers start anew, which it would else keep for long; optimizers stay as they are.

    Args:
      run: the configuration.
      gan: the state.
      source: the run directory of the other run.

    Returns:
      The configuration with the digest of what was taken, and with how the average begins.

    Raises:
      RefusedError: there is no such run, it has no checkpoint that can be read, it still grows, or
        nothing fits.
    """
    stored, described, tensors = _read(source)
    if not run.recipe.networks.spectral_norm:
        tensors = _normalised(tensors)
    there: Shapes = {name: value.shape for name, value in tensors.items()}
    if _labels(stored.recipe) != _labels(run.recipe):
        there = _without_labels(there, gan)
    variables = dict(state_variables.named_variables(gan.state()))
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    taken: Tensors = {}
    for network in NETWORKS:
        wanted = _of(network, shapes)
        found = _found(run.recipe, network, wanted, there)
        _log(f"{source} at {described}", network, wanted, found)
        taken |= {f"{network}/{new}": tensors[f"{network}/{old}"] for new, old in found.items()}
        if network == "generator" and gan.ema:
            average = "average" if _of("average", there) else network
            taken |= {f"average/{new}": tensors[f"{average}/{old}"] for new, old in found.items()}
    _log_mapping(stored.recipe.networks, run.recipe.networks)
    if not taken:
        raise RefusedError(
            f"--initialize_from={source} has no layer that fits these networks: choose a run of "
            "the same architecture"
        )
    for name, value in taken.items():
        variables[name].assign(value)
    gan.estimate_singular_vectors()
    begins_anew = any(f"generator/{path}" not in taken for path in _of("generator", shapes))
    recipe = dataclasses.replace(
        run.recipe, initialize_from=_digest(taken), ema_ramp_up=begins_anew
    )
    return dataclasses.replace(run, recipe=recipe)


def _found(recipe: Recipe, network: str, wanted: Shapes, there: Shapes) -> dict[str, str]:
    """Where the other run has the weights of a network, as `layer_matching.matches` gives it."""
    from_coarse = network == "generator" or ARCHITECTURES[recipe.networks.architecture].grows
    return layer_matching.matches(wanted, _of(network, there), not from_coarse)


def _read(source: Path) -> tuple[RunConfig, str, Tensors]:
    """Another run, its latest checkpoint in words, and its tensors.

    Raises:
      RefusedError: there is none, or some of its layers have not been trained yet.
    """
    stored = config_json.read(source)
    if stored is None:
        raise RefusedError(f"--initialize_from={source} holds no run: train it first")
    described, tensors = checkpoints.read_chosen(source / run_layout.CHECKPOINTS, LATEST)
    if tensors["training/step"] < (whole := step_counts.full_grown_step(stored.recipe)):
        raise RefusedError(
            f"--initialize_from={source} is still growing at {described}: train it to step "
            f"{whole}, or choose another run"
        )
    return stored, described, tensors


def _normalised(tensors: Tensors) -> Tensors:
    """The same, kernels as spectral normalisation made them where the other run had it."""
    vectors = {
        name.removeprefix(_SINGULAR): value
        for name, value in tensors.items()
        if name.startswith(_SINGULAR)
    }
    of_discriminator = {
        f"discriminator/{path}": spectral.normalise(
            tf.constant(tensors[f"discriminator/{path}"]), tf.constant(vector)
        ).numpy()
        for path, vector in vectors.items()
    }
    return {**tensors, **of_discriminator}


def _log_mapping(theirs: Networks, ours: Networks) -> None:
    """Names the flags by which more of a generator would fit."""
    depth = theirs.mapping_layers
    was_other = FORMER_NAMES.get(theirs.architecture) == ours.architecture
    if was_other and ARCHITECTURES[theirs.architecture].style_based:
        log.warning(
            "more of the generator would fit with --architecture=%s --max_width=%d, as in that run",
            *(theirs.architecture, theirs.max_width),
        )
    if theirs.architecture == ours.architecture and depth != ours.mapping_layers:
        log.warning(
            "more of the generator would fit with --mapping_layers=%d, as in that run", depth
        )


def _without_labels(shapes: Shapes, gan: FashionGAN) -> dict[str, tuple[int, ...]]:
    """The weights of layers that learn nothing of labels."""
    of_planes = ["discriminator", sees_labels(gan.discriminator)]
    return {
        name: shape
        for name, shape in shapes.items()
        if not is_of_labels(name) and name.split("/")[:2] != of_planes
    }


def sees_labels(discriminator: keras.Model) -> str | None:
    """The layer that gets labels as planes or columns beside the image; None: there is none."""
    names = [layer.name for layer in discriminator.layers]  # in the order of what they compute
    if CONDITIONED not in names:
        return None
    after = discriminator.layers[names.index(CONDITIONED) :]
    return next(layer.name for layer in after if layer.weights)


def is_of_labels(name: str) -> bool:
    """Whether a weight, `network/layer/kernel`, is of a layer that learns labels."""
    return any(f"/{layer}" in name for layer in _OF_LABELS)


def _labels(recipe: Recipe) -> tuple[Attribute, ...]:
    """What the rows of label weights mean."""
    return recipe.data.attributes if recipe.networks.conditional else ()


def _of(part: str, shapes: Shapes) -> Shapes:
    """What belongs to a part of the state, without its name."""
    prefix = f"{part}/"
    return {
        name.removeprefix(prefix): shape
        for name, shape in shapes.items()
        if name.startswith(prefix)
    }


def _log(source: str, network: str, wanted: Shapes, found: Mapping[str, str]) -> None:
    """Says what was taken and what was not, in a line each."""
    taken, left = {}, []
    for path in wanted:
        layer = path.rpartition("/")[0]
        if path in found:
            other = found[path].rpartition("/")[0]
            taken[layer] = layer if other == layer else f"{layer} (its {other})"
        elif layer not in left:
            left.append(layer)
    log.info(
        "%s: %d of %d layers taken from %s: %s",
        *(network, len(taken), len(taken) + len(left), source, ", ".join(taken.values()) or "none"),
    )
    if left:
        log.info(
            "%s: %s anew, as shapes, labels or names differ there: %s",
            *(network, counted(len(left), "layer starts", "layers start"), ", ".join(left)),
        )


def _digest(taken: Tensors) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(taken.items()):
        digest.update(f"{name} {value.dtype} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()[:16]
