"""Numbers that people type: while they do, a box may hold nothing, or more than is allowed."""

from __future__ import annotations

from typing import Any

import gradio as gr


def number(value: float, **settings: Any) -> gr.Number:
    """A box that stands for its first value while it is empty, and for its ends beyond them."""
    return _bounded(gr.Number(value, **settings))


def slider(minimum: float, maximum: float, **settings: Any) -> gr.Slider:
    """The same, with a slider."""
    return _bounded(gr.Slider(minimum, maximum, **settings))


def _bounded(control: Any) -> Any:
    # Not a class of its own: Gradio writes a file beside the module of each.
    of_gradio = control.preprocess

    def preprocess(payload: float | None) -> Any:
        if payload is None:
            return of_gradio(control.value)
        return of_gradio(min(max(payload, control.minimum), control.maximum))

    control.preprocess = preprocess
    return control
