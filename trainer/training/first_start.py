"""What a run's first start decides by the machine: forms, precision, compilation.

Speed is measured, not guessed from a processor's name: some steps of a state that is thrown away.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Any, NamedTuple

import tensorflow as tf

from trainer.configuration.config import Execution, Recipe
from trainer.configuration.config_json import RunConfig
from trainer.distribution import environment
from trainer.models import forms
from trainer.system import activity
from trainer.training import trial
from trainer.training.trial import Speed

log = logging.getLogger(__name__)

FASTER = 0.9  # share of float32's time that bfloat16 must not exceed: few starts decide otherwise


class Decided(NamedTuple):
    """What a run is on this machine."""

    run: RunConfig
    speed: Speed | None = None  # of it on its strategy, where that was measured for the decision


def decided(run: RunConfig, here: dict[str, Any], strategy: tf.distribute.Strategy) -> Decided:
    """The configuration with all that is `auto` decided; that of a started run as it is.

    Args:
      run: the configuration.
      here: the environment, see `environment.describe`.
      strategy: that of the run.
    """
    if run.environment is not None:
        return Decided(run)
    jit_compile, row = run.execution.jit_compile, run.execution.forms
    execution = Execution(
        jit_compile=forms.on_gpu() if jit_compile is None else jit_compile,
        forms=forms.for_this_machine() if row == "auto" else row,
    )
    forms.use(execution.forms)
    recipe, speed = run.recipe, None
    if recipe.precision == "auto":
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            precision = _by_a_share(recipe, execution, strategy)
        else:
            precision, speed = faster_precision(recipe, execution, strategy)
        recipe = dataclasses.replace(recipe, precision=precision)
    decided_run = dataclasses.replace(run, recipe=recipe, execution=execution, environment=here)
    return Decided(decided_run, speed)


def _by_a_share(
    recipe: Recipe,
    execution: Execution,
    strategy: tf.distribute.MultiWorkerMirroredStrategy,
) -> str:
    """What one worker finds out by its share on one of its devices: the others do not try."""
    share = recipe.batch_size // strategy.num_replicas_in_sync
    device = tf.distribute.OneDeviceStrategy(strategy.extended.worker_devices[0])
    recipe = dataclasses.replace(recipe, batch_size=share)
    return faster_precision(recipe, execution, device)[0]


def faster_precision(
    recipe: Recipe, execution: Execution, strategy: tf.distribute.Strategy
) -> tuple[str, Speed | None]:
    """What --precision=auto is on this machine, and the speed in it, where it was measured."""
    if not environment.has_bfloat16_instructions():
        log.info("precision: float32, as there are no instructions for bfloat16")
        return "float32", None
    log.info("precision: measuring float32 and bfloat16")
    activity.now("measuring float32 and bfloat16")
    speeds = {
        precision: Speed(dataclasses.replace(recipe, precision=precision), execution, strategy)
        for precision in ("float32", "bfloat16")
    }
    for _ in range(trial.ROUNDS):
        for speed in speeds.values():
            speed.measure()
    seconds = {precision: speed.seconds_a_step() for precision, speed in speeds.items()}
    chosen = "bfloat16" if seconds["bfloat16"] <= FASTER * seconds["float32"] else "float32"
    log.info(
        "precision: %s, as a step takes %.1f ms in float32 and %.1f ms in bfloat16",
        *(chosen, 1e3 * seconds["float32"], 1e3 * seconds["bfloat16"]),
    )
    return chosen, speeds[chosen]
