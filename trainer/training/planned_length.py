"""How long a run of --minutes is: planned at its first start by what its parts take here."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from typing import NamedTuple

from trainer.configuration import recipe_checks, step_counts
from trainer.configuration.config import Recipe
from trainer.configuration.config_json import RunConfig
from trainer.data.datasets import LabelledImages
from trainer.distribution.collectives import WorkerGroup
from trainer.evaluation import during_training, own_network_training, own_networks, protocols
from trainer.evaluation.during_training import RunNetworks
from trainer.gan.state import FashionGAN
from trainer.plurals import counted
from trainer.system import activity
from trainer.system.exits import RefusedError
from trainer.training import grids, trial
from trainer.training.loop import SAVE_SHARE
from trainer.training.plan import MOST_GRIDS
from trainer.training.start_warnings import FEWEST_STEPS
from trainer.training.storage import Storage
from trainer.training.trial import Speed

log = logging.getLogger(__name__)

TRIAL_SAMPLES = 1000  # of the evaluation that is measured
# Records and checkpoints, as a share of the steps' time; then the start and the end.
AROUND_STEPS = 1.02
GRIDS_SHARE = 0.03  # of the time, which grids may take: epochs of few pictures are short
AROUND_RUN_SECONDS = 6.0
READING_SHARE = 0.7  # of the time, which may go by until the data are read
EVALUATION_SHARE = 0.5  # of the time that is left, which the first evaluation may take
# Seconds that must be left to find out how long an evaluation takes, which takes some itself.
LEAST_FOR_EVALUATIONS = 30.0


def planned(
    run: RunConfig,
    group: WorkerGroup,
    storage: Storage,
    deadline: float,
    speed: Speed | None = None,
) -> RunConfig:
    """The configuration with the length that fits before the chief's deadline.

    All workers train for the trial, for a step between them is slower than the share of one alone;
    the chief plans, and measures the evaluations, which are its own.

    Args:
      run: the chief's configuration, decided, with minutes.
      group: all that train the run.
      storage: has the training images, with which an evaluation is measured, and the networks
        that it needs.
      deadline: of `time.monotonic`.
      speed: of the run, where it has been measured already.

    Raises:
      RefusedError: no step fits, or not all that a run grows by; for all workers alike.
    """
    minutes = run.schedule.minutes or 0.0
    activity.now("reading the data")
    examples = storage.load(run.recipe.data)
    if speed is None:  # else measuring took its part, and what is left is seen below
        gone = group.broadcast_number(round(60 * minutes - (deadline - time.monotonic())))
        _check_time_is_left(minutes, gone)
    log.info("measuring how many steps fit into --minutes=%g", minutes)
    if run.recipe.growth.grow_from:
        log.warning("all steps are planned for images of full size: a run that grows ends sooner")
    speed = speed or _speed(run, group)
    took = _measured(run, speed, group, examples, storage, deadline)
    schedule = run.schedule
    if not took.evaluation_fits:
        schedule = dataclasses.replace(schedule, evaluation_interval=0)
    remaining = deadline - time.monotonic()
    left, a_step = remaining - took.once, took.a_step
    steps, between = _fitting(run, group, left, a_step, took.a_grid)
    if steps < 1:
        raise _no_time(minutes, remaining, took)
    recipe_checks.check_growth_ends(run.recipe, steps)
    included = ", evaluations included" if schedule.evaluation_interval else ""
    log.info("%d steps are planned, of %.1f ms each%s", steps, 1e3 * a_step, included)
    schedule = dataclasses.replace(schedule, steps=steps, save_interval=between)
    return dataclasses.replace(run, schedule=schedule, asked_schedule=run.schedule, horizon=steps)


def _speed(run: RunConfig, group: WorkerGroup) -> Speed:
    activity.now("measuring how fast it trains")
    speed = Speed(run.recipe, run.execution, group.strategy, group.broadcast_number)
    for _ in range(trial.ROUNDS):
        speed.measure()
    return speed


def _no_time(minutes: float, remaining: float, took: _Took) -> RefusedError:
    enough = minutes + (FEWEST_STEPS * took.a_step + took.once - remaining) / 60
    return RefusedError(
        f"--minutes={minutes:g} leaves no time for a step: {60 * minutes - remaining:.0f} s passed "
        f"before it was measured, the start takes {took.once:.0f} s, a step {took.a_step:.2f} s; "
        f"--minutes={math.ceil(enough)} has time for {FEWEST_STEPS} steps"
    )


def _check_time_is_left(minutes: float, gone: int) -> None:
    if gone > READING_SHARE * 60 * minutes:
        raise RefusedError(
            f"of --minutes={minutes:g}, {gone} s passed before the data were read: give it more; "
            "if data and cache are on this machine, run it again, as what was prepared is kept"
        )


class _Took(NamedTuple):
    """What a run's parts took when they were measured, in seconds."""

    evaluation_fits: bool  # not where the first would take most of the time
    once: float  # to make once more for the run itself: the graph, and the evaluation at the end
    a_step: float  # evaluations included
    a_grid: float


def _measured(
    run: RunConfig,
    speed: Speed,
    group: WorkerGroup,
    examples: LabelledImages,
    storage: Storage,
    deadline: float,
) -> _Took:
    interval = run.schedule.evaluation_interval
    evaluations: tuple[float, float] | None = (0.0, 0.0)
    if group.is_chief and interval:
        left = deadline - time.monotonic()
        if left < LEAST_FOR_EVALUATIONS:
            log.warning("the run is not evaluated: only %.0f s of its time are left", left)
            evaluations = None
        else:
            most = EVALUATION_SHARE * left
            evaluations = _evaluation_seconds(run, speed.gan, examples, storage, most)
    fits = not group.broadcast_flag(evaluations is None)
    first, another = evaluations or (0.0, 0.0)
    around = AROUND_STEPS + SAVE_SHARE * storage.is_sent
    between = interval if interval and fits else math.inf
    return _Took(
        evaluation_fits=fits,
        once=speed.seconds_to_start + first + AROUND_RUN_SECONDS,
        a_step=speed.seconds_a_step() * around + another / between,
        a_grid=grids.seconds(speed.gan, *examples) if group.is_chief else 0.0,
    )


def _fitting(
    run: RunConfig, group: WorkerGroup, left: float, a_step: float, a_grid: float
) -> tuple[int, int]:
    """The chief's steps that fit into the seconds that are left, and epochs between their grids."""
    between = group.broadcast_number(_epochs_between_grids(run, left, a_step, a_grid))
    return group.broadcast_number(_steps(run.recipe, left, a_step, between, a_grid)), between


def _epochs_between_grids(run: RunConfig, left: float, a_step: float, a_grid: float) -> int:
    """What was asked for, or more where grids would take more than their share of `left`."""
    asked = run.schedule.save_interval
    wanted = _epochs(run.recipe, left, a_step) // asked
    most = max(1, min(MOST_GRIDS, int(GRIDS_SHARE * left / max(a_grid, 1e-6))))
    between = asked * max(1, math.ceil(wanted / most))
    if between > asked:
        log.info("a grid every %s, as each takes %.1f s", counted(between, "epoch"), a_grid)
    return between


def _steps(recipe: Recipe, left: float, a_step: float, between: int, a_grid: float) -> int:
    """How many fit into the seconds that are left, with their grids."""
    return int((left - _epochs(recipe, left, a_step) // between * a_grid) / a_step)


def _epochs(recipe: Recipe, left: float, a_step: float) -> int:
    return int(step_counts.epoch_of_step(recipe, max(0, int(left / a_step))))


def _evaluation_seconds(
    run: RunConfig,
    gan: FashionGAN,
    examples: LabelledImages,
    storage: Storage,
    most: float,
) -> tuple[float, float] | None:
    """Seconds of a run's first evaluation, and of each later one.

    Where networks are trained for them, that is part of the first. None if the first takes more
    than `most`: the run does without, for it must not wait for what only informs.
    """
    data = run.recipe.data
    if not during_training.has_enough_images(data):
        return 0.0, 0.0
    activity.now("measuring how long an evaluation takes")
    images, labels = examples
    known = RunNetworks(data, lambda: (images, labels), *storage.network_folders)
    evaluation_networks, to_train = known.known, 0.0
    if evaluation_networks is None:
        evaluation_networks = own_networks.untrained(data)
        to_train = own_network_training.seconds_to_train(images, labels, data.label_sizes)
        log.info("the first evaluation trains networks that know the data, for %.0f s", to_train)
        if to_train > most:
            _say_done_without(to_train, run.recipe)
            return None
    samples = min(TRIAL_SAMPLES, run.schedule.evaluation_samples)
    evaluate = during_training.make_evaluation(
        gan, images, labels, samples, evaluation_networks, quiet=True
    )
    seconds = []
    for _ in range(2):
        started = time.monotonic()
        evaluate()
        seconds.append(time.monotonic() - started)
    another = seconds[1] * run.schedule.evaluation_samples / samples
    first = to_train + seconds[0] - seconds[1] + another
    if first > most:
        _say_done_without(first, run.recipe)
        return None
    return first, another


def _say_done_without(seconds: float, recipe: Recipe) -> None:
    can_be = protocols.can_be_evaluated(recipe)
    later = "; `fashion-gan evaluate` can do so afterwards" if can_be else ""
    log.warning(
        "the run is not evaluated: its first evaluation would take %.0f s, most of its time%s",
        *(seconds, later),
    )
