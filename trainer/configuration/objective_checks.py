"""Objectives that are refused: losses, penalties, augmentation that do not go together."""

from __future__ import annotations

from trainer.configuration import value_checks
from trainer.configuration.choices import ADAPTIVE, AUGMENT_TARGET, LOSSES
from trainer.configuration.config import Objective
from trainer.system.exits import RefusedError


def check(objective: Objective) -> None:
    """Refuses an objective, its numbers in float32.

    Raises:
      RefusedError: with one line that says what is wrong and what to do.
    """
    loss, noise, clip = objective.loss, objective.label_noise, objective.weight_clip
    if not 0 <= noise < 0.5:
        raise RefusedError(f"--label_noise={noise} must be at least 0 and below 0.5")
    if noise and not LOSSES[loss].has_targets:
        raise RefusedError(
            f"--label_noise={noise} moves the targets of a loss, and --loss={loss} has none: "
            "use --label_noise=0, or --loss=bce or lsgan"
        )
    if objective.update == "simultaneous" and objective.critic_steps > 1:
        raise RefusedError(
            f"--critic_steps={objective.critic_steps} contradicts --update=simultaneous, which "
            "updates both networks once: add --update=alternating"
        )
    value_checks.weight("weight_clip", clip)
    if clip and not LOSSES[loss].needs_lipschitz_bound:
        raise RefusedError(
            f"--weight_clip={clip} bounds a Wasserstein critic, and --loss={loss} has none: "
            "use --weight_clip=0, or --loss=wgan"
        )
    if clip and objective.gradient_penalty:
        raise RefusedError(
            "--weight_clip and --gradient_penalty both bound the critic's gradient: use one of them"
        )
    _check_augmentation(objective)
    _check_penalties(objective)


def _check_augmentation(objective: Objective) -> None:
    target = objective.augment_target
    if not 0 < target < 1:
        raise RefusedError(f"--augment_target={target} must be above 0 and below 1")
    if target != AUGMENT_TARGET and not objective.augments_adaptively:
        raise RefusedError(
            f"--augment_target={target} is what --augment={ADAPTIVE} aims at: add that, or use "
            f"{AUGMENT_TARGET}"
        )


def _check_penalties(objective: Objective) -> None:
    for name in ("gradient_penalty", "r1", "r2"):
        value_checks.weight(name, getattr(objective, name))
    if objective.gradient_penalty and (objective.r1 or objective.r2):
        raise RefusedError(
            "--gradient_penalty pulls gradient norms to one, --r1 and --r2 to zero: "
            "use one or the other"
        )
    value_checks.schedule("penalty", objective.penalty_schedule, objective.penalty_final_factor)
    if objective.penalised:
        return
    if objective.penalty_interval > 1:
        raise RefusedError(
            f"--penalty_interval={objective.penalty_interval} has no penalty to space out: "
            "add --r1, --r2 or --gradient_penalty, or use --penalty_interval=1"
        )
    if objective.penalty_schedule != "constant":
        raise RefusedError(
            f"--penalty_schedule={objective.penalty_schedule} has no penalty to change: "
            "add --r1, --r2 or --gradient_penalty, or use --penalty_schedule=constant"
        )
