"""What config.json of each earlier format means, in terms of the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainer.data.datasets import IMAGE_FOLDER

Json = dict[str, Any]


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


def _renamed(stored: Json, former: str, now: str) -> Json:
    """The same, with the new name of an architecture that was renamed."""
    networks = dict(stored["recipe"]["networks"])
    if networks["architecture"] == former:
        networks["architecture"] = now
    return {**stored, "recipe": {**stored["recipe"], "networks": networks}}


def _from_format_8(stored: Json) -> Json:
    """In format 8 `style` was the architecture whose mapping network sees labels."""
    return _renamed(stored, "style", "style_joint")


_MAPPING_LAYERS = {"comodulated": 2, "style": 2, "style_joint": 2, "stylegan": 2}  # of format 9


def _from_format_9(stored: Json) -> Json:
    """Format 9 had mapping networks of one depth."""
    networks = dict(stored["recipe"]["networks"])
    networks["mapping_layers"] = _MAPPING_LAYERS.get(networks["architecture"], 0)
    return {**stored, "recipe": {**stored["recipe"], "networks": networks}}


def _from_format_10(stored: Json) -> Json:
    """Format 10 did not recognise labels from the known parts of a picture."""
    completion = {**stored["recipe"]["completion"], "recognition": 0.0}
    return {**stored, "recipe": {**stored["recipe"], "completion": completion}}


def _from_format_11(stored: Json) -> Json:
    """In format 11 `stylegan` was the architecture whose mapping network sees labels."""
    return _renamed(stored, "stylegan", "stylegan_joint")


def _from_format_12(stored: Json) -> Json:
    """In format 12 `residual` was the architecture whose discriminator takes means."""
    return _renamed(stored, "residual", "residual_mean")


def _from_format_13(stored: Json) -> Json:
    """Format 13 kept only the result of a planned schedule."""
    return {**stored, "asked_schedule": None}


def _from_format_14(stored: Json) -> Json:
    """Format 14 classified labels only by the projection."""
    recipe = stored["recipe"]
    objective = {**recipe["objective"], "classifier": "projection"}
    return {**stored, "recipe": {**recipe, "objective": objective}}


def _from_format_15(stored: Json) -> Json:
    """In format 15 `stylegan` was the architecture that doubles sides by transposed kernels."""
    return _renamed(stored, "stylegan", "stylegan_transposed")


# By the format that they start from. A field that a later format adds gets the value here that
# means what there was before it.
MIGRATIONS: dict[int, Callable[[Json], Json]] = {
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
    15: _from_format_15,
}

LATEST = max(MIGRATIONS) + 1  # the format that is written
