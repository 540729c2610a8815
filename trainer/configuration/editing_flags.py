"""From flags to configurations, for the commands that change pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from trainer.configuration import (
    choices,
    data_flags,
    editing_flag_definitions,
    numbers,
    parsing,
    paths,
)
from trainer.configuration.editing import EditConfig, InpaintConfig, ProjectConfig, Search
from trainer.system.exits import RefusedError

_EDITS = ("to_label", "direction", "directions", "mix")
_OF_SEARCH = ("restarts", "steps")
_MOST_COLUMNS = 1000


def project(argv: Sequence[str]) -> ProjectConfig:
    """The configuration of `project`.

    Raises:
      RefusedError: flags are wrong.
    """
    values = parsing.parse(argv, editing_flag_definitions.project)
    job_dir, job_dir_url = paths.job_dir(values.job_dir)
    given = paths.input_path("input", values.input)
    return ProjectConfig(
        job_dir=job_dir,
        input=given,
        output=_output(values, ".npz", ".png", input=given),
        labels=data_flags.names(values, "labels"),
        search=_search(values),
        checkpoint=paths.checkpoint(values.checkpoint),
        job_dir_url=job_dir_url,
    )


def inpaint(argv: Sequence[str]) -> InpaintConfig:
    """The configuration of `inpaint`.

    Raises:
      RefusedError: flags are wrong.
    """
    values = parsing.parse(argv, editing_flag_definitions.inpaint)
    job_dir, job_dir_url = paths.job_dir(values.job_dir)
    if values.seed + values.num - 1 > choices.MAX_SEED:
        raise RefusedError(
            f"--seed={values.seed} leaves no room for {values.num} seeds: use a smaller one"
        )
    given = paths.input_path("input", values.input)
    mask = None if values.mask is None else paths.input_path("mask", values.mask)
    return InpaintConfig(
        job_dir=job_dir,
        input=given,
        mask=mask,
        output=_output(values, ".npz", ".png", "", input=given, mask=mask),
        num=values.num,
        labels=data_flags.names(values, "labels"),
        search=_search(values),
        search_given=_search_given(values),
        checkpoint=paths.checkpoint(values.checkpoint),
        job_dir_url=job_dir_url,
    )


def edit(argv: Sequence[str]) -> EditConfig:
    """The configuration of `edit`.

    Raises:
      RefusedError: flags are wrong, or contradict each other.
    """
    values = parsing.parse(argv, editing_flag_definitions.edit)
    _check_edit(values)
    job_dir, job_dir_url = paths.job_dir(values.job_dir)
    given = None if values.input is None else paths.input_path("input", values.input)
    mix = _mix(values.mix)
    others = mix if isinstance(mix, Path) else None
    return EditConfig(
        job_dir=job_dir,
        output=_output(values, ".png", ".gif", ".npz", input=given, mix=others),
        input=given,
        num=values.num,
        labels=data_flags.names(values, "labels"),
        search=_search(values),
        search_given=_search_given(values, *([] if given is None else ["seed"])),
        to_label=data_flags.names(values, "to_label"),
        direction=values.direction,
        directions=values.directions,
        mix=mix,
        strengths=_strengths(values.strength),
        layers=_layers(values.layers) if values.layers else None,
        checkpoint=paths.checkpoint(values.checkpoint),
        job_dir_url=job_dir_url,
    )


def _check_edit(values: flags.FlagValues) -> None:
    given = [name for name in _EDITS if values[name].value not in (None, "")]
    if len(given) != 1:
        found = f", not {' and '.join(f'--{name}' for name in given)}" if given else ""
        raise RefusedError(f"one of {', '.join(f'--{name}' for name in _EDITS)} is needed{found}")
    if values.input is not None and values.num is not None:
        raise RefusedError("--num counts samples, --input names pictures: leave one of them out")
    mixes_pictures = values.mix is not None and isinstance(_mix(values.mix), Path)
    search = _search_given(values)
    if search and values.input is None and not mixes_pictures:
        raise RefusedError(
            f"--{search[0]} applies only when pictures are projected; samples are not: leave it out"
        )
    if values["strength"].present and given[0] not in ("direction", "directions"):
        raise RefusedError(
            "--strength applies only to --direction and --directions, "
            f"not to --{given[0]}: leave it out"
        )
    if values.layers and given[0] == "to_label":
        raise RefusedError(
            "--layers does not apply to --to_label, which changes all layers: leave it out"
        )


def _search_given(values: flags.FlagValues, *more: str) -> tuple[str, ...]:
    return tuple(name for name in (*_OF_SEARCH, *more) if values[name].present)


def _search(values: flags.FlagValues) -> Search:
    return Search(restarts=values.restarts, steps=values.steps, seed=values.seed)


def _output(values: flags.FlagValues, *suffixes: str, **inputs: Path | None) -> Path:
    output = paths.output(values.output, filter(None, suffixes), **inputs)
    if output.suffix not in suffixes:
        kinds = " or ".join(suffix or "be a folder" for suffix in suffixes)
        raise RefusedError(f"--output={output} must end in {kinds}")
    if output.suffix and output.is_dir():
        raise RefusedError(f"--output={output} is a folder: name a file")
    return output


def _mix(text: str | None) -> Path | int | None:
    if text is None or not (text.isascii() and text.isdecimal()):
        return None if text is None else paths.input_path("mix", text)
    if Path(text).exists():
        raise RefusedError(f"--mix={text} is both a seed and a file: write ./{text} for the file")
    if len(text) > 10 or int(text) > choices.MAX_SEED:
        raise RefusedError(f"--mix={text} is not a seed: use at most {choices.MAX_SEED}")
    return int(text)


def _strengths(text: str) -> tuple[float, ...]:
    """Two or more numbers.

    Raises:
      RefusedError: it is something else.
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise RefusedError(f"--strength={text} must be numbers, like -2,2") from error
    found = tuple(numbers.rounded_to_float32("strength", each) for each in found)
    if not all(map(math.isfinite, found)) or not 2 <= len(found) <= _MOST_COLUMNS:
        raise RefusedError(f"--strength={text} must be two or more numbers, like -2,2")
    return found


def _layers(text: str) -> tuple[int, ...]:
    """Numbers, and ranges from a first to a last one.

    Raises:
      RefusedError: it is something else.
    """
    found: list[int] = []
    for part in text.split(","):
        ends = [end.strip() for end in part.split("-")]
        if not (len(ends) <= 2 and all(end.isdecimal() and len(end) < 4 for end in ends)):
            raise RefusedError(f"--layers={text} must be numbers from 0, like 1-2 or 0,2")
        found += range(int(ends[0]), int(ends[-1]) + 1)
    if not found:
        raise RefusedError(f"--layers={text} names no layer")
    return tuple(sorted(set(found)))
