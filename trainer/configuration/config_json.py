"""config.json: a run's configuration, as its first start has fixed it.

The one place that reads, checks and migrates it. A file of an earlier format is migrated when it
is read, one format after the other, and stays as it is on disk.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any

from trainer import run_layout
from trainer.configuration.choices import NETWORKS
from trainer.configuration.config import Execution, Recipe, Runtime, Schedule
from trainer.data.datasets import IMAGE_FOLDER
from trainer.system import file_system
from trainer.system.exits import RefusedError

FILE = run_layout.CONFIG
FORMAT = 15

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
    path = job_dir / FILE
    try:
        text = file_system.read_text(path)
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise RefusedError(f"{path} cannot be read ({error}): restore it") from error
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
            f"{FORMAT}: use the version that has written it, or a later one"
        )
    try:
        for number in range(written, FORMAT):
            stored = _MIGRATIONS[number](stored)
        config: RunConfig = _build(RunConfig, stored)
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
    values |= values.pop("folder") or {}
    values["attributes"] = {each["name"]: each["values"] for each in values["attributes"]}
    return values


def _from_format_1(stored: Json) -> Json:
    """Format 1 did not name its format, and got these fields one after the other."""
    schedule = {"evaluation_interval": 0, "evaluation_samples": 5000, "profile_steps": []}
    runtime = {"metrics_port": 0, "cluster_timeout": 600}
    return {
        **stored,
        "schedule": {**schedule, **stored["schedule"]},
        "runtime": {**runtime, **stored["runtime"]},
    }


def _from_format_2(stored: Json) -> Json:
    """Format 2 read folders of pictures by their first rules, and computed in one way."""
    data = stored["recipe"]["data"]
    rules = 1 if data["dataset"] == IMAGE_FOLDER else 0
    recipe = {**stored["recipe"], "data": {**data, "folder_rules": rules}}
    execution = {"jit_compile": False, "forms": "amd_avx512_bf16"}
    schedule = {**stored["schedule"], "minutes": None}
    return {**stored, "recipe": recipe, "execution": execution, "schedule": schedule}


_WIDTHS = {  # of the architectures of formats 1 to 3
    "classic": (32, 512),
    "cropped": (64, 1024),
    "dcgan": (64, 1024),
    "fashion": (32, 512),
    "mlp": (0, 0),
    "r3gan": (48, 192),
    "residual": (64, 64),
    "upsampling": (32, 256),
}


def _from_format_3(stored: Json) -> Json:
    """Format 3 knew one attribute, the class, networks of one size, and folders without tests."""
    recipe = stored["recipe"]
    data = dict(recipe["data"])
    names, rules = data.pop("class_names"), data.pop("folder_rules")
    data["attributes"] = [{"name": "class", "values": names}] if names else []
    reading = {
        "rules": rules,
        "metadata": "",
        "metadata_file_name": "",
        "attribute_minimum": 1,
        "test_share": 0.0,
        "fit": "crop",
        "background": "black",
    }
    data["folder"] = reading if rules else None
    width, max_width = _WIDTHS[recipe["networks"]["architecture"]]
    networks = {
        **recipe["networks"],
        "attribute_dropout": 0.0,
        "width": width,
        "max_width": max_width,
    }
    objective = {**recipe["objective"], "flip": False, "augment_target": 0.6}
    changed = {"data": data, "networks": networks, "objective": objective}
    return {**stored, "recipe": {**recipe, **changed, "initialize_from": ""}}


def _from_format_4(stored: Json) -> Json:
    """Format 4 knew no styles, and no growth."""
    recipe = stored["recipe"]
    objective = {**recipe["objective"], "style_mixing": 0.0, "path_length": 0.0}
    growth = {"grow_from": 0, "grow_images": 0, "fade_images": 0}
    return {**stored, "recipe": {**recipe, "objective": objective, "growth": growth}}


def _from_format_5(stored: Json) -> Json:
    """Format 5 completed no pictures."""
    completion = {"masks": "", "reconstruction": 0.0, "diversity": 0.0}
    return {**stored, "recipe": {**stored["recipe"], "completion": completion}}


def _from_format_6(stored: Json) -> Json:
    """Format 6 knew no discriminators that classify."""
    recipe = stored["recipe"]
    objective = {**recipe["objective"], "classification": 0.0}
    return {**stored, "recipe": {**recipe, "objective": objective}}


def _from_format_7(stored: Json) -> Json:
    """Format 7 had moving averages that were short at first, also of runs that started warm."""
    return {**stored, "recipe": {**stored["recipe"], "ema_ramp_up": True}}


def _from_format_8(stored: Json) -> Json:
    """Format 8 called the architecture `style` whose mapping network sees labels."""
    networks = dict(stored["recipe"]["networks"])
    if networks["architecture"] == "style":
        networks["architecture"] = "style_joint"
    return {**stored, "recipe": {**stored["recipe"], "networks": networks}}


_MAPPING_LAYERS = {"comodulated": 2, "style": 2, "style_joint": 2, "stylegan": 2}  # of format 9


def _from_format_9(stored: Json) -> Json:
    """Format 9 had mapping networks of one depth."""
    networks = dict(stored["recipe"]["networks"])
    networks["mapping_layers"] = _MAPPING_LAYERS.get(networks["architecture"], 0)
    return {**stored, "recipe": {**stored["recipe"], "networks": networks}}


def _from_format_10(stored: Json) -> Json:
    """Format 10 told no labels by what is known of a picture."""
    completion = {**stored["recipe"]["completion"], "recognition": 0.0}
    return {**stored, "recipe": {**stored["recipe"], "completion": completion}}


def _from_format_11(stored: Json) -> Json:
    """Format 11 called the architecture `stylegan` whose mapping network sees labels."""
    networks = dict(stored["recipe"]["networks"])
    if networks["architecture"] == "stylegan":
        networks["architecture"] = "stylegan_joint"
    return {**stored, "recipe": {**stored["recipe"], "networks": networks}}


def _from_format_12(stored: Json) -> Json:
    """Format 12 called the architecture `residual` whose discriminator takes means."""
    networks = dict(stored["recipe"]["networks"])
    if networks["architecture"] == "residual":
        networks["architecture"] = "residual_mean"
    return {**stored, "recipe": {**stored["recipe"], "networks": networks}}


def _from_format_13(stored: Json) -> Json:
    """Format 13 kept of a planned schedule alone what came of it."""
    return {**stored, "asked_schedule": None}


def _from_format_14(stored: Json) -> Json:
    """Format 14 told labels by the projection alone."""
    recipe = stored["recipe"]
    objective = {**recipe["objective"], "classifier": "projection"}
    return {**stored, "recipe": {**recipe, "objective": objective}}


# By the format that they start from. A field that a later format adds gets the value here that
# means what there was before it.
_MIGRATIONS: dict[int, Callable[[Json], Json]] = {
    1: _from_format_1,
    2: _from_format_2,
    3: _from_format_3,
    4: _from_format_4,
    5: _from_format_5,
    6: _from_format_6,
    7: _from_format_7,
    8: _from_format_8,
    9: _from_format_9,
    10: _from_format_10,
    11: _from_format_11,
    12: _from_format_12,
    13: _from_format_13,
    14: _from_format_14,
}


def _build(kind: Any, value: Any, name: str = "") -> Any:
    """A value of the type that a field is declared with, from its JSON.

    Raises:
      TypeError: it is of another type, or a field is unknown.
      KeyError: a field is missing.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return _build_dataclass(kind, value)
    if origin is UnionType:
        (plain,) = set(inner) - {NoneType}
        return None if value is None else _build(plain, value, name)
    if origin is tuple and isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[1:] == (...,) else list(inner)
        if len(kinds) == len(value):
            return tuple(_build(of, each, name) for of, each in zip(kinds, value, strict=True))
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is (origin or kind):
        return value
    raise TypeError(f"{name} is {value!r}")


def _build_dataclass(kind: Callable[..., Any], value: Json) -> Any:
    types = typing.get_type_hints(kind)
    if unknown := sorted(value.keys() - types.keys()):
        raise TypeError(f"unknown: {', '.join(unknown)}")
    return kind(**{name: _build(of, value[name], name) for name, of in types.items()})
