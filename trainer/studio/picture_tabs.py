"""The tabs that take a picture: Edit and Complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from trainer.configuration.editing import Search
from trainer.gan.completing import masked
from trainer.studio import choosers, completing, drawing, editing, panels, typed
from trainer.studio.choosers import SEED, PictureChooser
from trainer.studio.open_run import OpenRun
from trainer.studio.panels import Panel
from trainer.system.exits import RefusedError

_CANVAS, _LARGE = 448, 140  # pixels
_PAINT, _PAINT_NAME = (225, 29, 116), "#e11d74"
_BEST = "whatever draws it best"
_UNKNOWN = "not given"
_KEPT = "as it is"


def edit(run: OpenRun, found: gr.State) -> None:
    """Finds a picture among those of the run, and changes its label.

    Args:
      run: that draws.
      found: gets what is found.
    """
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            chooser = PictureChooser(run)
            shows = choosers.attribute_dropdowns(run, _BEST, "It shows:")
            _begin_with(chooser, shows)
            steps = typed.Slider(10, 200, value=Search.steps, step=10, label="Search steps")
            go = gr.Button("Project it", variant="primary")
            targets = choosers.several_dropdowns(
                run,
                "none chosen: all of them; or as it is, if another attribute is chosen",
                "Draw it as:",
                _KEPT,
            )
        with gr.Column(scale=3):
            panel = Panel()
            panel.pictures.value = _given(chooser.state.value)

    def change(chosen: Any, found: editing.Found | None, *targets: Any) -> list[Any]:
        if found is None:
            return panels.nothing(_given(chosen))
        return _changed(run, chosen, found, targets)

    def project(chosen: Any, steps: float, *values: Any) -> list[Any]:
        if chosen is None:
            raise RefusedError("there is no picture yet: upload one")
        labels = choosers.labels(run, values[: len(shows)])
        settings = Search(steps=int(steps))
        what = editing.found(run, chosen[0], labels, settings)
        return [what, *change(chosen, what, *values[len(shows) :])]

    def choose(chosen: Any) -> list[Any]:
        return [None, *change(chosen, None), *_labels_of(chosen, shows)]

    outputs = [found, *panel.outputs]
    chooser.on_choice(choose, [], [*outputs, *shows])
    panels.listen([go.click], project, [chooser.state, steps, *shows, *targets], outputs, "full")
    if targets:
        triggers = [each.change for each in targets]
        panels.listen(triggers, change, [chooser.state, found, *targets], panel.outputs)


def _changed(run: OpenRun, chosen: Any, found: editing.Found, targets: Sequence[Any]) -> list[Any]:
    """The content of a panel: the chosen picture, what was found for it, and that by other labels.

    Args:
      run: that draws.
      chosen: the picture.
      found: for it.
      targets: of `choosers.several_dropdowns`.
    """
    drawn = f"as drawn, {found.psnr:.1f} dB"
    above = _given(chosen, panels.figure(found.drawn[0], drawn, _LARGE))
    if not run.recipe.networks.conditional:
        return panels.shows(editing.as_drawn(run, found), above)
    asked = (choosers.all_labels(run, targets, kept=True) or run.cycle)[: drawing.most_shown(run)]
    shown = editing.by_labels(run, found, asked)
    others = panels.grid(shown.images[1:], shown.captions[1:], (), _LARGE)
    return panels.shows(shown, above + others)


def complete(run: OpenRun) -> None:
    """Completes a picture of which a part is painted over."""
    side = run.recipe.data.image_shape[0]
    factor = max(1, _CANVAS // side)
    first = next(iter(completing.READY_MASKS))
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            chooser = PictureChooser(run)
            ready = gr.Radio(list(completing.READY_MASKS), value=first, label="Missing part")
            shows = choosers.attribute_dropdowns(run, _UNKNOWN, "It shows:")
            _begin_with(chooser, shows)
            first_seed = {**SEED, "maximum": SEED["maximum"] + 1 - completing.WAYS}
            seed = typed.Number(0, label="Seed", info="of the first of the four", **first_seed)
            steps = typed.Slider(
                10,
                200,
                value=completing.QUICK.steps,
                step=10,
                label="Search steps",
                visible=not run.completes,
            )
            go = gr.Button("Complete it", variant="primary")
        with gr.Column(scale=3):
            editor = _editor(_canvas(chooser.state.value, first, factor), side, factor)
            panel = Panel()

    def fill(chosen: Any, canvas: Any, seed: float, steps: float, *values: Any) -> list[Any]:
        if chosen is None or canvas is None:
            raise RefusedError("there is no picture yet: upload one")
        mask = completing.painted_mask(_alpha(canvas, side * factor), side)
        settings = replace(completing.QUICK, steps=int(steps))
        labels = choosers.labels(run, values)
        shown = completing.completed(run, chosen[0], mask, labels, int(seed), settings)
        known = panels.figure(masked(chosen[0], mask), "what is known", _LARGE)
        ways = panels.grid(shown.images, shown.captions, (), _LARGE)
        return panels.shows(shown, _given(chosen, known) + ways)

    def choose(chosen: Any, ready: str) -> list[Any]:
        return [*prepare(chosen, ready), *_labels_of(chosen, shows)]

    def prepare(chosen: Any, ready: str = "") -> list[Any]:
        """Another canvas, below which nothing of the former is left."""
        return [_canvas(chosen, ready, factor), *panels.nothing()]

    prepared = [editor, *panel.outputs]
    chooser.on_choice(choose, [ready], [*prepared, *shows])
    panels.listen([ready.select], prepare, [chooser.state, ready], prepared, draws=False)
    panels.listen([editor.clear], prepare, [chooser.state], prepared, draws=False)
    controls = [chooser.state, editor, seed, steps, *shows]
    panels.listen([go.click], fill, controls, panel.outputs, "full")


def _editor(shown: dict[str, Any] | None, side: int, factor: int) -> gr.ImageEditor:
    """Where one paints over a picture of so many pixels, each as large as `factor`."""
    return gr.ImageEditor(
        shown,
        label="Paint over what is missing",
        sources=(),
        transforms=(),
        layers=False,
        brush=gr.Brush(2 * factor, [_PAINT_NAME], color_mode="fixed"),
        eraser=gr.Eraser(2 * factor),
        canvas_size=(side * factor, side * factor),
        height=side * factor + 90,
        buttons=[],
        format="png",
    )


def _labels_of(chosen: Any, dropdowns: list[gr.Dropdown]) -> list[Any]:
    """The values that say what a chosen picture shows."""
    return list(chosen[1]) if dropdowns else []


def _begin_with(chooser: PictureChooser, dropdowns: list[gr.Dropdown]) -> None:
    """Has controls say what the first picture shows."""
    if chooser.state.value is not None:
        for dropdown, value in zip(dropdowns, chooser.state.value[1], strict=False):
            dropdown.value = value


def _given(chosen: Any, beside: str = "") -> str:
    """The chosen picture, and what stands beside it."""
    if chosen is None:
        return ""
    picture = panels.figure(chosen[0], "the picture", _LARGE)
    return f'<div class="pictures" style="margin-bottom: 12px">{picture}{beside}</div>'


def _canvas(chosen: Any, ready: str, factor: int) -> dict[str, Any] | None:
    """What the editor shows: the picture enlarged, and above it a ready mask, if one is named."""
    if chosen is None:
        return None
    picture = chosen[0]
    side = picture.shape[0]
    shown = panels.enlarged(picture, side * factor)
    layer = np.zeros((*shown.shape[:2], 4), np.uint8)
    if ready:
        mask = panels.enlarged(completing.ready_mask(ready, side), side * factor)
        layer[mask[:, :, 0] > 0] = (*_PAINT, 255)
    return {"background": shown, "layers": [layer], "composite": None}


def _alpha(canvas: dict[str, Any], side: int) -> np.ndarray:
    """Where any layer is painted: uint8 `[height, width]`."""
    layers = canvas["layers"] or [np.zeros((side, side, 4), np.uint8)]
    return np.max([layer[:, :, 3] for layer in layers], axis=0)
