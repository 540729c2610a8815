"""Numbers that people type: while they do, a box may hold nothing, or more than is allowed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import gradio as gr
from gradio import component_meta


@contextlib.contextmanager
def _no_file_beside() -> Iterator[None]:
    """Makes classes of controls without the file that Gradio writes for each into its folder."""
    writes = component_meta.create_or_modify_pyi
    component_meta.create_or_modify_pyi = lambda *_: None
    try:
        yield
    finally:
        component_meta.create_or_modify_pyi = writes


with _no_file_beside():

    class Number(gr.Number):
        """A box that stands for its first value while it is empty, and for its ends beyond them."""

        is_template = True  # for the browser it is what it is made of

        def preprocess(self, payload: float | None) -> float | int | None:
            """What is in the box."""
            return super().preprocess(_within(payload, self))

    class Slider(gr.Slider):
        """The same, with a slider."""

        is_template = True

        def preprocess(self, payload: float | None) -> float:
            """Where it stands, or what is in its box."""
            return super().preprocess(_within(payload, self))


def _within(value: float | None, control: Number | Slider) -> float:
    return control.value if value is None else min(max(value, control.minimum), control.maximum)
