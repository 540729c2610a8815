"""Builds the two networks of a recipe in a given precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from trainer.configuration.config import Recipe
from trainer.models.architectures import ARCHITECTURES
from trainer.models.design import Design
from trainer.models.label_classification import with_auxiliary_classifier
from trainer.system.exits import RefusedError

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def build_networks(recipe: Recipe, precision: str) -> tuple[keras.Model, keras.Model]:
    """The recipe's generator and discriminator, with Keras's initial weights.

    A discriminator that a penalty differentiates is in float32.

    Raises:
      RefusedError: the penalty cannot differentiate the discriminator.
    """
    generator = build_generator(recipe, precision)
    penalised = recipe.objective.penalised
    discriminator = build_discriminator(recipe, "float32" if penalised else precision)
    if penalised:
        check_differentiable_twice(discriminator)
    return generator, discriminator


def build_generator(
    recipe: Recipe, precision: str, missing: int = 0, fades: bool = False
) -> keras.Model:
    """The recipe's generator in this precision; see Design for what growing networks may lack."""
    architecture = ARCHITECTURES[recipe.networks.architecture]
    with _dtype_policy(precision):
        return architecture.generator(_design(recipe, missing, fades))


def build_discriminator(
    recipe: Recipe, precision: str, missing: int = 0, fades: bool = False
) -> keras.Model:
    """The recipe's discriminator in this precision, even where it is penalised.

    Its outputs are logits, and scores of labels if it has an auxiliary classifier.
    """
    architecture = ARCHITECTURES[recipe.networks.architecture]
    with _dtype_policy(precision):
        discriminator = architecture.discriminator(_design(recipe, missing, fades))
    if recipe.objective.has_auxiliary_classifier:
        return with_auxiliary_classifier(discriminator, label_sizes(recipe))
    return discriminator


def label_sizes(recipe: Recipe) -> tuple[int, ...]:
    """The number of values of each attribute that the networks are given."""
    return recipe.data.label_sizes if recipe.networks.conditional else ()


def _design(recipe: Recipe, missing: int, fades: bool) -> Design:
    networks = recipe.networks
    return Design(
        noise_dim=networks.noise_dim,
        image_shape=recipe.data.image_shape,
        label_sizes=label_sizes(recipe),
        width=networks.width,
        max_width=networks.max_width,
        dropout=networks.dropout,
        mapping_layers=networks.mapping_layers,
        recognises=recipe.completion.recognition > 0,
        missing=missing,
        fades=fades,
    )


@contextmanager
def _dtype_policy(precision: str) -> Iterator[None]:
    """Layers made inside have float32 weights and activations of that precision."""
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def check_differentiable_twice(discriminator: keras.Model) -> None:
    """Refuses a discriminator whose input gradients cannot be penalised.

    Raises:
      RefusedError: with the layer's name.
    """
    for layer in discriminator.layers:
        if isinstance(layer, keras.layers.UpSampling2D) and layer.interpolation == "nearest":
            raise RefusedError(
                f"--r1, --r2 and --gradient_penalty differentiate the discriminator twice, which "
                f"TensorFlow cannot do with its UpSampling2D layer {layer.name}: use 0 for them, "
                "or bilinear interpolation in the layer"
            )
