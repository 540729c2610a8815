"""From flags to a recipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from absl import flags

from trainer.configuration import choices, config, joined_names
from trainer.configuration.completion import Completion
from trainer.configuration.growth import Growth
from trainer.data.datasets import DatasetSpec
from trainer.system.exits import RefusedError

# Begun with the average of another run, it forgets that neither at once nor too late.
_EMA_AFTER_ANOTHER_RUN = 40_000.0  # images


def recipe(values: flags.FlagValues, data: DatasetSpec, given: Collection[str]) -> config.Recipe:
    """The recipe of `train`.

    Args:
      values: of the flags, the preset's among them.
      data: the data's specification.
      given: names of those flags that are the user's.
    """
    architecture = choices.ARCHITECTURES[values.architecture]
    width, max_width = architecture.widths(values.width, values.max_width)
    return config.Recipe(
        data=data,
        networks=config.Networks(
            architecture=values.architecture,
            noise_dim=values.noise_dim,
            conditional=values.conditional,
            attribute_dropout=_attribute_dropout(values, data, given),
            spectral_norm=values.spectral_norm,
            dropout=values.dropout,
            width=width,
            max_width=max_width,
            mapping_layers=_mapping_layers(values, architecture, given),
        ),
        objective=_objective(values, given),
        growth=Growth(values.grow_from, values.grow_images, values.fade_images),
        completion=_completion(values, given),
        optimizer=values.optimizer,
        generator=_optimizer(values, "generator"),
        discriminator=_optimizer(values, "discriminator"),
        batch_size=values.batch_size,
        ema_half_life=_ema_half_life(values, given),
        ema_ramp_up=not values.initialize_from,
        precision=values.precision,
        seed=values.seed,
        initialize_from="",  # its digest, once it is read
    )


def _ema_half_life(values: flags.FlagValues, given: Collection[str]) -> float:
    """A preset's is limited for a warm start, where it is not capped by the images so far."""
    half_life: float = values.ema_half_life
    if values.initialize_from and "ema_half_life" not in given:
        return min(half_life, _EMA_AFTER_ANOTHER_RUN)
    return half_life


def _mapping_layers(
    values: flags.FlagValues, architecture: choices.ArchitectureSpec, given: Collection[str]
) -> int:
    layers: int | None = values.mapping_layers
    if architecture.mapping_layers is not None:
        return architecture.mapping_layers if layers is None else layers
    if "mapping_layers" in given:  # not a preset's, whose architecture the user may have changed
        raise RefusedError(
            f"--mapping_layers={layers} needs a mapping network, and "
            f"--architecture={values.architecture} has none: leave it out"
        )
    return 0


def _attribute_dropout(
    values: flags.FlagValues, data: DatasetSpec, given: Collection[str]
) -> float:
    if not values.conditional and "attribute_dropout" not in given:  # see `_objective`
        return 0.0
    if values.attribute_dropout is not None:
        return float(values.attribute_dropout)
    several = values.conditional and len(data.attributes) > 1
    return choices.ATTRIBUTE_DROPOUT if several else 0.0


def _objective(values: flags.FlagValues, given: Collection[str]) -> config.Objective:
    # A preset's is of its labels and its networks: who takes others need not know of it.
    is_possible = values.conditional and choices.ARCHITECTURES[values.architecture].projects
    classifies = is_possible or "classification" in given
    classification = values.classification if classifies else 0.0
    return config.Objective(
        loss=values.loss,
        update=values.update,
        critic_steps=values.critic_steps,
        label_noise=values.label_noise,
        gradient_penalty=values.gradient_penalty,
        r1=values.r1,
        r2=values.r2,
        penalty_interval=values.penalty_interval,
        penalty_schedule=values.penalty_schedule,
        penalty_final_factor=values.penalty_final_factor,
        weight_clip=values.weight_clip,
        classification=classification,
        classifier=_classifier(values, classification, given),
        style_mixing=values.style_mixing,
        path_length=values.path_length,
        flip=values.flip,
        augment=joined_names.augmentations(values.augment),
        augment_target=values.augment_target,
    )


def _classifier(values: flags.FlagValues, weight: float, given: Collection[str]) -> str:
    if weight:
        return str(values.classifier)
    if "classifier" in given:
        raise RefusedError(
            f"--classifier={values.classifier} is trained by a loss that has no weight: give it "
            "one with --classification, or leave it out"
        )
    return choices.CLASSIFIERS[0]


def _completion(values: flags.FlagValues, given: Collection[str]) -> Completion:
    is_possible = values.conditional and choices.ARCHITECTURES[values.architecture].completes
    recognises = is_possible or "recognition" in given  # see `_objective`
    return Completion(
        masks=joined_names.masks(values.masks),
        reconstruction=values.reconstruction,
        diversity=values.diversity,
        recognition=values.recognition if recognises else 0.0,
    )


def _optimizer(values: flags.FlagValues, network: str) -> config.OptimizerSettings:
    fields = dataclasses.fields(config.OptimizerSettings)
    return config.OptimizerSettings(
        **{field.name: values[f"{network}_{field.name}"].value for field in fields}
    )
