"""The controls by which a tab asks for labels, and for a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from trainer.configuration import choices
from trainer.data import input_pictures
from trainer.data.labels import NOT_GIVEN, Labels
from trainer.studio import panels, uploads
from trainer.studio.open_run import OpenRun
from trainer.studio.shown import written

SEED = {"minimum": 0, "maximum": choices.MAX_SEED, "precision": 0}


def attribute_dropdowns(
    run: OpenRun, unknown: str = "", title: str = "", last: bool = False
) -> list[gr.Dropdown]:
    """A control for each attribute of one picture.

    Args:
      run: whose labels they are.
      unknown: what stands for a value that is not given; empty: of one attribute, one of its
        values must be.
      title: what is said before an attribute's name.
      last: whether the first attribute begins with its last value.
    """
    if not run.recipe.networks.conditional:
        return []
    several = len(run.recipe.data.attributes) > 1
    dropdowns = []
    for place, attribute in enumerate(run.recipe.data.attributes):
        offered = [(name, value) for value, name in enumerate(attribute.values)]
        if unknown or (several and place):
            offered.insert(0, (unknown or "any", NOT_GIVEN))
        value = offered[-1 if last and not place else 0][1]
        dropdowns.append(gr.Dropdown(offered, value=value, label=_label(title, attribute.name)))
    return dropdowns


def labels(run: OpenRun, values: Sequence[int]) -> Labels:
    """What `attribute_dropdowns` say."""
    return tuple(map(int, values)) if values else run.no_labels


def several_dropdowns(
    run: OpenRun, nothing: str, title: str = "", unknown: str = ""
) -> list[gr.Dropdown]:
    """The same of several pictures: any number of the first attribute's values."""
    if not run.recipe.networks.conditional:
        return []
    attribute = run.recipe.data.attributes[0]
    offered = [(name, value) for value, name in enumerate(attribute.values)]
    first = gr.Dropdown(
        offered, value=[], multiselect=True, label=_label(title, attribute.name), info=nothing
    )
    of_one, *others = attribute_dropdowns(run, unknown, title)
    of_one.unrender()
    return [first, *others]


def _label(title: str, attribute: str) -> str:
    return f"{title} {attribute}" if title else attribute.capitalize()


def all_labels(run: OpenRun, values: Sequence[Any], kept: bool = False) -> list[Labels]:
    """What `several_dropdowns` say; none: all in turn, and nothing of them.

    Args:
      run: whose labels they are.
      values: of the controls.
      kept: whether what is not said stays as it is, where anything is.
    """
    if not values:
        return []
    first, *others = values
    if not first and all(other == NOT_GIVEN for other in others):
        return []
    every = [NOT_GIVEN] if kept else range(len(run.recipe.data.attributes[0].values))
    return [(int(value), *map(int, others)) for value in first or every]


class PictureChooser:
    """Test pictures to choose from, and a button to send one's own."""

    def __init__(self, run: OpenRun) -> None:
        self._run, given = run, run.examples
        attributes = run.recipe.data.attributes
        first = None if given is None else (given.images[0], tuple(given.labels[0].tolist()))
        self.state = gr.State(first)  # the picture, uint8 [height, width, channels]; its labels
        gr.Markdown("**A picture**" + (" from the test set, or your own" if given else ""))
        self.gallery = None
        if given is not None:
            names = [written(tuple(row), attributes) for row in given.labels.tolist()]
            self.gallery = gr.Gallery(
                [
                    (panels.enlarged(each), name)
                    for each, name in zip(given.images, names, strict=True)
                ],
                columns=5,
                height=260,
                allow_preview=False,
                show_label=False,
                buttons=[],
                interactive=False,
                object_fit="contain",
                format="png",
                elem_classes="examples",
            )
        self.upload = gr.UploadButton("Upload a picture", file_types=["image"], size="sm")

        gr.HTML(f"<small>{uploads.BOUNDS}</small>")

    def on_choice(self, then: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Calls a function of the chosen (picture, labels), and of inputs."""

        def of_example(event: gr.SelectData, *values: Any) -> list[Any]:
            assert self._run.examples is not None
            return chosen(self._example(int(event.index)), *values)

        def of_upload(path: str, *values: Any) -> list[Any]:
            folder = Path(self.upload.GRADIO_CACHE)
            picture = uploads.taken(Path(path), folder, self._run.recipe.data)
            if input_pictures.of_other_ground(picture[np.newaxis], self._run.recipe.data)[0]:
                gr.Warning(f"The picture {input_pictures.LIGHT}.")
            return chosen((picture, self._run.no_labels), *values)

        def chosen(which: tuple[np.ndarray, Labels], *values: Any) -> list[Any]:
            return [which, *then(which, *values)]

        everything = [self.state, *outputs]
        panels.listen([self.upload.upload], of_upload, [self.upload, *inputs], everything)
        if self.gallery is not None:
            panels.listen([self.gallery.select], of_example, inputs, everything)

    def _example(self, number: int) -> tuple[np.ndarray, Labels]:
        assert self._run.examples is not None
        row = self._run.examples.labels[number].tolist()
        return self._run.examples.images[number], tuple(row)
