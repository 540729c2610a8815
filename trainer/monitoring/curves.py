"""Curves of runs as pictures, from their own records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer import run_layout
from trainer.configuration import config_json
from trainer.runs import evaluations, records, tags
from trainer.runs.overview import Overview
from trainer.system import file_system
from trainer.system.exits import RefusedError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FILES = (run_layout.CONFIG, run_layout.METRICS, run_layout.EVALUATIONS)  # of a run, that are read
_CHARTS = tags.QUESTIONS["who is ahead"]
_SMOOTHED_OVER = 0.02  # of the records: the standard deviation of the Gaussian
_SHOWN = (0.5, 99.5)  # percentiles of what is not of the first records, which are often far off
_POINTS = 1000  # of a smoothed curve at most: more are narrower than a pixel
_FIRST = 0.05  # share of the records that does not decide what is shown
_MARGIN = 0.15  # of that range, above and below
_OF_ONE_COLOUR = 10  # lines at most: so many colours are there
_NAMES_IN_A_ROW, _LEGEND_INCHES = 4, 0.2
_COLOURS = {  # by tag: the same network has the same colour
    "loss/generator": "tab:blue",
    "loss/discriminator": "tab:orange",
    "score/real": "tab:green",
    "score/fake": "tab:red",
}


def draw(job_dir: Path) -> Path | None:
    """Draws `results/loss_curves.png` and returns its path; None: the run has no records.

    Losses and scores, smoothed over the curves as they are, and below the Fréchet distance, where
    it was measured.
    """
    drawn = [tag for shown in _CHARTS.values() for tag in shown]
    lines = _drawable(job_dir, *drawn)
    if not lines:
        return None
    distances = evaluations.distances(job_dir)
    figure, charts = _figure(len(_CHARTS) + bool(distances))
    figure.suptitle(_title(job_dir, lines[-1]))
    for axes, (title, shown) in zip(charts, _CHARTS.items(), strict=False):
        _draw_smoothed(axes, lines, shown)
        axes.set_ylabel(title)
    if distances:
        charts[-1].plot(*zip(*distances, strict=True), "o-", color="tab:purple", markersize=3)
        _measure_distance(charts[-1])
    charts[-1].set_xlabel("step")
    path = job_dir / run_layout.LOSS_CURVES
    file_system.write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))
    return path


def _drawable(job_dir: Path, *drawn: str) -> list[dict[str, Any]]:
    """The records of which these are numbers."""
    lines = records.read_lines(job_dir / run_layout.METRICS, *drawn)
    return [line for line in lines if all(type(line[tag]) in (int, float) for tag in drawn)]


def compare(runs: Sequence[Overview], path: Path) -> Path:
    """Draws the Fréchet distances and the generators' losses of runs over the images seen.

    Raises:
      RefusedError: none has records.
    """
    measured = {run.job_dir: evaluations.distances(run.job_dir) for run in runs}
    is_any = any(measured.values())
    figure, charts = _figure(1 + is_any)
    figure.suptitle("runs compared")
    shown = 0
    if len(runs) > _OF_ONE_COLOUR:
        _tell_apart(charts, len(runs))
    for run in runs:
        a_step = run.images_a_step
        lines = _drawable(run.job_dir, "loss/generator") if a_step else []
        if not lines:
            continue
        shown += 1
        losses = np.array([line["loss/generator"] for line in lines], float)
        images = np.array([line["step"] * a_step for line in lines])
        centres, means = smoothed(losses)
        charts[-1].plot(images[centres], means, label=run.name, linewidth=1.2)
        if distances := measured[run.job_dir]:
            points = [(step * a_step, distance) for step, distance in distances]
            colour = charts[-1].lines[-1].get_color()
            charts[0].plot(
                *zip(*points, strict=True), "o-", label=run.name, color=colour, markersize=3
            )
    if not shown:
        raise RefusedError("none of the runs has records yet: train for longer")
    if is_any:
        _measure_distance(charts[0])
    charts[-1].set_ylabel("generator's loss")
    drawn, names = charts[-1].get_legend_handles_labels()
    rows = math.ceil(len(names) / _NAMES_IN_A_ROW)
    figure.set_figheight(figure.get_figheight() + _LEGEND_INCHES * rows)
    figure.legend(drawn, names, loc="outside lower center", ncols=_NAMES_IN_A_ROW, fontsize="small")
    charts[-1].set_xlabel("images seen")
    file_system.write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))
    return path


def _tell_apart(charts: Sequence[Axes], count: int) -> None:
    """More colours than the ten that are taken otherwise."""
    import matplotlib

    colours = matplotlib.colormaps["turbo"](np.linspace(0, 1, count))
    for axes in charts:
        axes.set_prop_cycle(color=colours)


def _figure(charts: int) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure  # takes half a second, which training need not wait for

    figure = Figure(figsize=(8, 3 * charts), layout="constrained")
    axes = [figure.add_subplot(charts, 1, number + 1) for number in range(charts)]
    for each in axes:
        each.grid(alpha=0.3)
        each.sharex(axes[0])
    return figure, axes


def _measure_distance(axes: Axes) -> None:
    """Makes the vertical axis one of Fréchet distances, which fall by orders of magnitude."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.set_ylabel("Fréchet distance")


def _title(job_dir: Path, last: dict[str, Any]) -> str:
    stored = config_json.read(job_dir)
    of_preset = f"{stored.preset} on {stored.recipe.data.dataset} · " if stored else ""
    return f"{of_preset}step {last['step']}, epoch {last.get('epoch', 0):.1f}"


def _draw_smoothed(axes: Axes, lines: list[dict[str, Any]], shown: Sequence[str]) -> None:
    steps = np.array([line["step"] for line in lines])
    curves = {tag: np.array([line[tag] for line in lines], float) for tag in shown}
    for tag, values in curves.items():
        axes.plot(steps, values, color=_COLOURS[tag], alpha=0.25, linewidth=0.8)
        centres, means = smoothed(values)
        axes.plot(steps[centres], means, color=_COLOURS[tag], label=tag, linewidth=1.5)
    axes.legend()
    later = np.concatenate([values[int(_FIRST * len(values)) :] for values in curves.values()])
    lowest, highest = np.percentile(later[np.isfinite(later)], _SHOWN)
    if lowest < highest:
        margin = _MARGIN * (highest - lowest)
        axes.set_ylim(lowest - margin, highest + margin)


def smoothed(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted means of the records around some of them, of fewer records at both ends.

    Returns:
      Indices of the records around which they are, at most `_POINTS`; and the means.
    """
    count, deviation = len(values), _SMOOTHED_OVER * len(values)
    if deviation < 1:
        return np.arange(count), values
    reach = math.ceil(3 * deviation)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    centres = np.unique(np.linspace(0, count - 1, min(count, _POINTS)).round().astype(int))

    def mean(centre: int) -> float:
        first, last = max(0, centre - reach), min(count, centre + reach + 1)
        around = weights[first - centre + reach : last - centre + reach]
        return float(around @ values[first:last] / around.sum())

    return centres, np.array([mean(centre) for centre in centres])
