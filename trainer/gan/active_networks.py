"""The networks that compute in an update: a state's own, or ones that borrow its weights.

Borrowing ones are smaller, as those of a run that still grows, or compute in another precision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import keras
import tensorflow as tf

from trainer.configuration import step_counts
from trainer.configuration.config import Recipe
from trainer.gan.networks import build_discriminator, build_generator
from trainer.models import comodulated, mapping
from trainer.models.label_classification import with_label_scores


@dataclass(frozen=True)
class ActiveNetworks:
    """Networks of one size, whose weights have the names of the state's.

    The discriminators give scores of labels, too, where the objective classifies.
    """

    generator: keras.Model
    discriminator: keras.Model  # in float32 where it is penalised
    unpenalised_discriminator: keras.Model  # for updates without a penalty
    mapping: keras.Model | None = None  # of a style-based generator
    synthesis: keras.Model | None = None
    penalised_synthesis: keras.Model | None = None  # in float32, for second derivatives
    encoding: keras.Model | None = None  # of a generator that completes pictures
    decoding: keras.Model | None = None
    faded_in: tf.Tensor | None = None  # how much the finest side counts, float32 []


def active_networks(
    recipe: Recipe,
    generator: keras.Model,
    discriminator: keras.Model,
    missing: int = 0,
    fades: bool = False,
) -> ActiveNetworks:
    """All that compute beside these two.

    Args:
      recipe: the run's.
      generator: in the recipe's precision.
      discriminator: likewise, but in float32 where it is penalised.
      missing: the doublings that they lack.
      fades: whether their finest side is faded in.
    """
    objective, low = recipe.objective, recipe.precision == "bfloat16"
    unpenalised = discriminator
    if objective.at_times_penalised and low:
        unpenalised = build_discriminator(recipe, recipe.precision, missing, fades)
    if objective.classification and not objective.has_auxiliary_classifier:
        discriminator, unpenalised = map(with_label_scores, (discriminator, unpenalised))
    networks = ActiveNetworks(generator, discriminator, unpenalised)
    if recipe.completion.masks:
        encoding = comodulated.encoding_network(generator)
        decoding = comodulated.decoding_network(generator, encoding)
        networks = replace(networks, encoding=encoding, decoding=decoding)
    if not (objective.style_mixing or objective.path_length):
        return networks
    synthesis = mapping.synthesis_network(generator)
    penalised = synthesis
    if objective.path_length and low:
        precise = build_generator(recipe, "float32", missing, fades)
        penalised = mapping.synthesis_network(precise)
    return replace(
        networks,
        mapping=mapping.mapping_network(generator),
        synthesis=synthesis,
        penalised_synthesis=penalised,
    )


def stage_networks(recipe: Recipe, stage: int) -> ActiveNetworks:
    """The networks of a stage of a run that grows, the last one included."""
    missing, fades = _grown(recipe, stage)
    precision = "float32" if recipe.objective.penalised else recipe.precision
    return active_networks(
        recipe,
        stage_generator(recipe, recipe.precision, stage),
        build_discriminator(recipe, precision, missing, fades),
        missing,
        fades,
    )


def stage_generator(recipe: Recipe, precision: str, stage: int) -> keras.Model:
    """The generator of a stage."""
    return build_generator(recipe, precision, *_grown(recipe, stage))


def _grown(recipe: Recipe, stage: int) -> tuple[int, bool]:
    """The doublings that are missing in a stage, and whether its finest side is faded in."""
    return step_counts.doublings(recipe) - stage, stage > 0


def applied(network: keras.Model, owner: keras.Model, inputs) -> tf.Tensor:
    """What a network makes in training, with the weights of the state's own.

    Args:
      network: one that is active.
      owner: the state's, of which it is made, or whose weights it borrows.
      inputs: from `inputs_of`.
    """
    own = {weight.path: weight for weight in owner.trainable_variables}
    if all(own.get(weight.path) is weight for weight in network.trainable_variables):
        return network(inputs, training=True)
    return borrowed(network, {path: weight.value for path, weight in own.items()}, inputs)


def borrowed(network: keras.Model, values: dict[str, tf.Tensor], inputs) -> tf.Tensor:
    """The same with weights by their names."""
    weights = [values[weight.path] for weight in network.trainable_variables]
    return network.stateless_call(weights, [], inputs, training=True)[0]
