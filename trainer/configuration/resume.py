"""Resuming a run: what it was started with, and what the user asks for now."""

from __future__ import annotations

import dataclasses
import json
import logging
from typing import Any

from trainer.cloud import data_folder
from trainer.configuration import checks, choices, config_json, step_counts
from trainer.configuration.config import Schedule, TrainConfig
from trainer.configuration.config_json import RunConfig
from trainer.data import attribute_tables, loading
from trainer.data.datasets import IMAGE_FOLDER, DatasetSpec, FolderReading
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

_READING = {field.name for field in dataclasses.fields(FolderReading)}
_CHOICES = {"image_size", "attributes"}
_CONTENTS = {"attributes", "fingerprint", "image_shape", "test_examples", "train_examples"}
_DATA_FIELDS = {field.name for field in dataclasses.fields(DatasetSpec)} | _READING


def configured(asked: TrainConfig, stored: RunConfig | None) -> RunConfig:
    """The configuration of the run that is started or resumed.

    A stored recipe wins: a preset may have changed since. Only what the user gives is compared
    with it, and the data as they are now. In the schedule the user's flags win, and what they leave
    out stays as it was; the runtime is this start's.

    Args:
      asked: what the flags say.
      stored: what config.json of the run says; None: a new run starts.

    Raises:
      RefusedError: with a table of the differences; or the result cannot be trained.
    """
    if stored is None:
        checks.check(asked)
        if asked.job_dir_url:  # before which nobody knew that there is no run
            data_folder.at(asked.places).specify(asked.data)
        horizon = step_counts.total_steps(asked.recipe, asked.schedule)
        parts = (asked.recipe, asked.execution, asked.schedule, None, asked.runtime)
        return RunConfig(asked.preset, *parts, horizon, None)
    stored = _with_table_in_folder(asked, stored)
    _refuse_differences(asked, stored)
    _say_what_is_kept(asked, stored)
    stored = _with_schedule(asked, stored)
    resumed = dataclasses.replace(asked, recipe=stored.recipe, schedule=stored.schedule)
    checks.check_start(resumed, is_planned=True)
    return dataclasses.replace(stored, runtime=asked.runtime)


def _with_table_in_folder(asked: TrainConfig, stored: RunConfig) -> RunConfig:
    """Names a table in the folder of pictures by its path there; earlier runs kept it as given."""
    data = stored.recipe.data
    if data.folder is None:
        return stored
    metadata = attribute_tables.as_seen_from(asked.places.data_dir, data.folder.metadata)
    folder = dataclasses.replace(data.folder, metadata=metadata)
    recipe = dataclasses.replace(stored.recipe, data=dataclasses.replace(data, folder=folder))
    return dataclasses.replace(stored, recipe=recipe)


def _say_what_is_kept(asked: TrainConfig, stored: RunConfig) -> None:
    """A run keeps how its steps are computed, for other bits could not be undone."""
    for name, now in dataclasses.asdict(asked.execution).items():
        before = getattr(stored.execution, name)
        if name in asked.given and now not in (before, None, "auto"):
            log.warning(
                "--%s=%s is ignored: the run was started with %s, and keeps it",
                *(name, json.dumps(now).strip('"'), json.dumps(before).strip('"')),
            )


def _with_schedule(asked: TrainConfig, stored: RunConfig) -> RunConfig:
    """The run with the schedule that is asked for now: what is left out stays as it was.

    What was planned by minutes also stays if the same is asked for as at first, and is dropped if
    another length is.
    """
    before, first = stored.schedule, stored.asked_schedule
    given = {
        field.name: getattr(asked.schedule, field.name)
        for field in dataclasses.fields(Schedule)
        if field.name in asked.given
    }
    given["profile_steps"] = asked.schedule.profile_steps  # of one start
    if given.pop("minutes", None) not in (None, before.minutes):
        planned = "a planned length" if before.minutes else "another length"
        log.warning(
            "--minutes=%g is ignored: the run has had %s since its first start",
            *(asked.schedule.minutes, planned),
        )
    if given.keys() & {"epochs", "steps"}:
        before, first = first or before, None
        given["minutes"] = None
        given.setdefault("steps", None)  # which would win over epochs
    if first:
        as_at_first = {name for name, value in given.items() if value == getattr(first, name)}
        for name in sorted(as_at_first):
            if getattr(before, name) != given[name]:
                log.info(
                    "--%s=%s stays %s, as planned for --minutes; any other value wins",
                    *(name, given[name], getattr(before, name)),
                )
            del given[name]
        first = dataclasses.replace(first, **given)
    schedule = dataclasses.replace(before, **given)
    return dataclasses.replace(stored, schedule=schedule, asked_schedule=first)


def _refuse_differences(asked: TrainConfig, stored: RunConfig) -> None:
    before = config_json.flag_values(stored.recipe)
    now = config_json.flag_values(dataclasses.replace(asked.recipe, data=_data(asked, stored)))
    if now["precision"] == "auto":  # which was decided when the run started
        now["precision"] = before["precision"]
    now["ema_ramp_up"] = before["ema_ramp_up"]  # likewise
    if choices.FORMER_NAMES.get(before["architecture"]) == now["architecture"]:
        now["architecture"] = before["architecture"]
    now["initialize_from"] = _weights(asked, before["initialize_from"])
    of_data = {"dataset"} if before["dataset"] != now["dataset"] else _DATA_FIELDS
    compared = asked.given | of_data
    if "preset" in asked.given and asked.preset != stored.preset:
        compared |= now.keys()
    rows = [
        (name, _short(before[name]), _short(now[name]))
        for name in now
        if name in compared and before[name] != now[name]
    ]
    if not rows:
        return
    what = "with another recipe: give its flags again, or leave them out, or choose another folder"
    asked_for = asked.given | ({"image_shape"} if "image_size" in asked.given else set())
    if {name for name, *_ in rows} <= _CONTENTS - asked_for:  # no flag asks for these
        what = (
            f"on other pictures than --data_dir={asked.places.data_dir} holds now, or their table "
            "has changed: restore them, or start in another folder, perhaps with --initialize_from "
            "this one"
        )
    table = "\n".join(f"  {name:<28} {old:<16} {new}" for name, old, new in rows)
    raise RefusedError(
        f"--job_dir={asked.job_dir} holds a run {what}\n  {'setting':<28} {'the run':<16} now\n"
        f"{table}"
    )


def _weights(asked: TrainConfig, before: str) -> str:
    """What the run starts with: once it has started, no other run is read again."""
    if before and asked.initialize_from:
        log.info("--initialize_from is not read again: the run continues from its own checkpoint")
    asked_for = asked.initialize_from_url or asked.initialize_from
    return before if before or not asked_for else str(asked_for)


def _data(asked: TrainConfig, stored: RunConfig) -> DatasetSpec:
    """The data as they are now: of the set and the size that are asked for, or else the run's."""
    was, asked_for = loading.choice_of(stored.recipe.data, asked.data), asked.data
    there = data_folder.at(asked.places)
    was_read = asked.recipe.data.fingerprint or asked_for.dataset != IMAGE_FOLDER
    if "dataset" in asked.given and asked_for.dataset != was.dataset:
        if was_read:
            return asked.recipe.data
        return there.specify(asked_for)  # which refuses
    given = {name: getattr(asked_for, name) for name in _CHOICES & asked.given}
    reading = {name: getattr(asked_for.folder, name) for name in _READING & asked.given}
    folder = dataclasses.replace(was.folder, **reading)
    choice = dataclasses.replace(was, **given, folder=folder)
    if choice == asked_for and was_read:
        return asked.recipe.data
    try:
        return there.specify(choice)
    except RefusedError as error:
        if choice.dataset != IMAGE_FOLDER or _READING & asked.given or "attributes" in asked.given:
            raise
        if "data_dir" in asked.given:
            whatever = dataclasses.replace(choice, attributes=())
            there.specify(whatever)  # or it says why not
            was_told = ", ".join(choice.attributes) or "nothing"
            raise RefusedError(
                f"--job_dir={asked.job_dir} holds a run on a folder that gave {was_told} for its "
                f"pictures, and --data_dir={asked.places.data_dir} does not "
                f"({error}): restore it"
            ) from error
        raise RefusedError(
            f"--job_dir={asked.job_dir} holds a run on a folder of pictures: name it with "
            f"--data_dir ({error})"
        ) from error


def _short(value: Any) -> str:
    """A value for a table."""
    if isinstance(value, dict):  # attributes
        value = [f"{name} {len(values)}" for name, values in value.items()]
        return ", ".join(value) or "none"
    if isinstance(value, list):
        value = "x".join(map(str, value)) if len(value) < 4 else f"{len(value)} names"
    return str(value)
