"""What the commands that change pictures are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer.cloud.url import GsUrl


@dataclass(frozen=True)
class Search:
    """How latents of pictures are found."""

    restarts: int = 2  # starts of each picture
    steps: int = 100  # of the latents; and again of the styles
    seed: int = 0  # decides the samples among which starts are looked for


@dataclass(frozen=True)
class ProjectConfig:
    """What `project` is asked for."""

    job_dir: Path
    input: Path  # a picture, a folder, or an .npz
    output: Path  # .npz or .png
    labels: tuple[str, ...]  # of the pictures, taken by turns; none: as the input says
    search: Search
    checkpoint: str  # latest, best, a step, or a path
    job_dir_url: GsUrl | None = None


@dataclass(frozen=True)
class InpaintConfig:
    """What `inpaint` is asked for."""

    job_dir: Path
    input: Path  # a picture, a folder, or an .npz
    mask: Path | None  # likewise; None: the masks of the input
    output: Path  # .png, .npz, or a folder
    num: int  # completions of each picture
    labels: tuple[str, ...]  # of the pictures, taken by turns; none: as the input says
    search: Search  # of a run that generates whole pictures; its seed decides latents, too
    search_given: tuple[str, ...]  # flags that are of the search alone
    checkpoint: str  # latest, best, a step, or a path
    job_dir_url: GsUrl | None = None


@dataclass(frozen=True)
class EditConfig:
    """What `edit` is asked for: one of `to_label`, `direction`, `directions` and `mix`."""

    job_dir: Path
    output: Path  # .png, .gif or .npz
    input: Path | None  # pictures, or an .npz with latents; None: samples
    num: int | None  # samples
    labels: tuple[str, ...]
    search: Search
    search_given: tuple[str, ...]  # flags that are of the search alone
    to_label: tuple[str, ...]  # a column each
    direction: int | None  # from 1
    directions: int | None  # how many are drawn
    mix: Path | int | None  # pictures, or the seed of samples
    strengths: tuple[float, ...]  # the first and the last one, or a column each
    layers: tuple[int, ...] | None  # of the styles that change, from 0; None: the edit's own
    checkpoint: str  # latest, best, a step, or a path
    job_dir_url: GsUrl | None = None
