"""config.json: a run's configuration, as its first start has fixed it.

The one place that reads, checks and migrates it. A file of an earlier format is migrated when it
is read, one format after the other, and stays as it is on disk.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer import run_layout
from trainer.configuration import config_migrations
from trainer.configuration.choices import NETWORKS
from trainer.configuration.config import Execution, Recipe, Runtime, Schedule
from trainer.data.datasets import FolderReading
from trainer.system import file_errors, file_system, typed_json
from trainer.system.exits import RefusedError

FORMAT = config_migrations.LATEST

Json = dict[str, Any]


@dataclass(frozen=True)
class RunConfig:
    """The configuration of a run."""

    preset: str
    recipe: Recipe  # its precision is decided
    execution: Execution  # it is decided
    schedule: Schedule  # in force
    asked_schedule: Schedule | None  # of a run of --minutes, before its length was planned
    runtime: Runtime  # of the first start
    horizon: int  # steps, of which schedules of rates and weights are functions
    environment: Json | None  # versions and devices of the first start; None before it


def read(job_dir: Path) -> RunConfig | None:
    """The configuration of the run in `job_dir`, or None where no run was started.

    Raises:
      RefusedError: the file is damaged, or of a format that this version does not know.
    """
    path = job_dir / run_layout.CONFIG
    try:
        text = file_system.read_text(path)
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise file_errors.refused(
            error, f"{path} cannot be read ({error})", "restore it"
        ) from error
    return from_json(text, path)


def from_json(text: str, path: Path) -> RunConfig:
    """What `to_json` has written, in this format or an earlier one.

    Args:
      text: the content of config.json.
      path: the file, for messages.

    Raises:
      RefusedError: as for `read`.
    """
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{path} cannot be read ({error}): restore it") from error
    if not isinstance(stored, dict) or not isinstance(stored.get("recipe"), dict):
        raise RefusedError(f"{path} is not the configuration of a run: restore it")
    written = stored.pop("format", 1)
    if type(written) is not int or not 1 <= written <= FORMAT:
        raise RefusedError(
            f"{path} has format {written}, and this version of fashion-gan reads formats 1 to "
            f"{FORMAT}: use the version that wrote it, or a later one"
        )
    try:
        for number in range(written, FORMAT):
            stored = config_migrations.MIGRATIONS[number](stored)
        config: RunConfig = typed_json.build(RunConfig, stored)
    except (TypeError, KeyError) as error:
        raise RefusedError(
            f"{path} is damaged, or was written by another version of fashion-gan ({error})"
        ) from error
    return config


def to_json(config: RunConfig) -> str:
    """The content of config.json."""
    return json.dumps({"format": FORMAT, **dataclasses.asdict(config)}, indent=2) + "\n"


def flag_values(recipe: Recipe) -> Json:
    """A recipe by the names of the flags that decide it, as JSON has it: lists for tuples."""
    values: Json = {}
    for name, value in json.loads(json.dumps(dataclasses.asdict(recipe))).items():
        if name in NETWORKS:
            values |= {f"{name}_{inner}": content for inner, content in value.items()}
        elif isinstance(value, dict):
            values |= value
        else:
            values[name] = value
    read = [field.name for field in dataclasses.fields(FolderReading)]
    values |= values.pop("folder") or dict.fromkeys(read, "")  # of no folder
    values["attributes"] = {each["name"]: each["values"] for each in values["attributes"]}
    return values
