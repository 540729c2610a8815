"""Checks of single values of a recipe. Each raises `RefusedError`."""

from __future__ import annotations

import math

from trainer.system.exits import RefusedError


def weight(name: str, value: float) -> None:
    """Refuses what cannot be the weight of a loss term."""
    if not (math.isfinite(value) and value >= 0):
        raise RefusedError(f"--{name}={value} must be finite, and at least 0")


def below_one(name: str, value: float) -> None:
    """Refuses what is not a share below the whole."""
    if not 0 <= value < 1:
        raise RefusedError(f"--{name}={value} must be at least 0 and below 1")


def schedule(name: str, kind: str, final_factor: float) -> None:
    """Refuses a schedule that changes nothing, and a final share without a schedule."""
    if not 0 < final_factor <= 1:
        raise RefusedError(f"--{name}_final_factor={final_factor} must be above 0 and at most 1")
    if kind == "constant" and final_factor != 1:
        raise RefusedError(
            f"--{name}_final_factor={final_factor} contradicts --{name}_schedule=constant: "
            f"use linear, cosine or exponential, or --{name}_final_factor=1"
        )
    if kind != "constant" and final_factor == 1:
        raise RefusedError(
            f"--{name}_schedule={kind} changes nothing with --{name}_final_factor=1: "
            "choose the share to be left at the end"
        )
