"""What a panel shows of pictures: enlarged without blur, with the command that makes them."""

from __future__ import annotations

import base64
import functools
import html
import io
import logging
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from trainer.studio.shown import Shown
from trainer.system import file_errors, memory_errors
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

_CELL, _LARGE = 64, 280  # pixels that a picture is about as wide as on the page
_FRAME_MILLISECONDS = 80


class Panel:
    """The right side of a tab: pictures, below them their command and the files that it reads."""

    def __init__(self) -> None:
        self.pictures = gr.HTML()
        self.command = gr.Code(
            label="The same from the command line",
            interactive=False,
            wrap_lines=True,
            show_line_numbers=False,
            lines=1,
            elem_classes="command",
            visible=False,
        )
        self.files = gr.HTML(elem_classes="files")

    @property
    def outputs(self) -> list[Any]:
        """What `shows` gives."""
        return [self.pictures, self.command, self.files]


def nothing(pictures: str = "") -> list[Any]:
    """The content of a panel that no command has made, but for what is chosen."""
    return [pictures, gr.update(value="", visible=False), ""]


def shows(shown: Shown, pictures: str = "") -> list[Any]:
    """The content of a panel, and a line in the log.

    Args:
      shown: what is to be seen in it.
      pictures: the same as HTML; empty: a grid.
    """
    line = shown.command.line()
    log.info("%s", line)
    command = gr.update(value=line, visible=True)
    return [pictures or grid(shown.images, shown.captions, shown.rows), command, files(shown)]


def files(shown: Shown) -> str:
    """The files that a command reads, to be saved."""
    links = [
        f'<a download="{html.escape(name)}" href="data:application/octet-stream;base64,'
        f'{base64.b64encode(content).decode()}">{html.escape(name)}</a>'
        for name, content in shown.command.files.items()
    ]
    return f"<p>Save first: {', '.join(links)}</p>" if links else ""


def grid(
    images: np.ndarray, captions: Sequence[str], rows: Sequence[str] = (), size: int = _CELL
) -> str:
    """Pictures in rows.

    Args:
      images: uint8 `[N, height, width, channels]`.
      captions: of each.
      rows: their names, of which all are equally long; none: as many as there is room for.
      size: about as wide is each.
    """
    cells = list(map(functools.partial(figure, size=size), images, captions))
    if not rows:
        return f'<div class="pictures">{"".join(cells)}</div>'
    columns = len(cells) // len(rows)
    lines = []
    for number, name in enumerate(rows):
        of_row = "".join(cells[number * columns : (number + 1) * columns])
        lines.append(
            f'<span class="row-name">{html.escape(name)}</span><div class="pictures">{of_row}</div>'
        )
    return f'<div class="picture-rows">{"".join(lines)}</div>'


def figure(image: np.ndarray, caption: str = "", size: int = _LARGE) -> str:
    """A picture, enlarged by a whole factor to about so many pixels."""
    return _figure(png(image), image.shape[1], caption, size)


def _figure(source: str, width: int, caption: str, size: int) -> str:
    wide = max(1, size // width) * width
    text = html.escape(caption)
    below = f"<figcaption>{text}</figcaption>" if caption else ""
    return f'<figure><img src="{source}" width="{wide}" alt="{text}">{below}</figure>'


def animation(images: np.ndarray, caption: str) -> str:
    """An animation of pictures, there and back."""
    frames = [_picture(each) for each in [*images, *images[-2:0:-1]]]
    source = _data("gif", frames[0], frames[1:])
    return _figure(source, images.shape[2], caption, _LARGE)


def png(image: np.ndarray) -> str:
    """A picture's URL, which is its content."""
    return _data("png", _picture(image))


def _picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)


def _data(kind: str, picture: Image.Image, more: Sequence[Image.Image] = ()) -> str:
    content = io.BytesIO()
    options = {"save_all": True, "append_images": list(more), "loop": 0} if more else {}
    if more:
        options["duration"] = _FRAME_MILLISECONDS
    picture.save(content, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"


def with_refusals_shown(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a control calls: a refusal is shown on the page, as the line that it is."""

    @functools.wraps(function)
    def with_refusals(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            refused = file_errors.refusal(error) or memory_errors.refusal(error)
            if isinstance(error, RefusedError):
                refused = error
            if refused is None:
                raise
            raise gr.Error(str(refused), title="Not possible", print_exception=False) from error

    return with_refusals


def listen(
    triggers: Sequence[Any],
    function: Callable[..., Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    progress: str = "minimal",
    draws: bool = True,
) -> Any:
    """Calls a function where any of some things happen, one at a time: all share the networks.

    One that uses none (`draws`) does not wait for its turn, and the page does not lose the end of
    what is as quick as that.
    """
    return gr.on(
        list(triggers),
        with_refusals_shown(function),
        list(inputs),
        list(outputs),
        show_progress=progress,
        trigger_mode="always_last",
        queue=draws,
        concurrency_limit=1,
        concurrency_id="run",
        api_visibility="private",
    )


def enlarged(image: np.ndarray, size: int = _CELL) -> np.ndarray:
    """A picture in colours, by a whole factor: uint8 `[height, width, 3]`."""
    factor = max(1, size // image.shape[1])
    shown = image.repeat(factor, axis=0).repeat(factor, axis=1)
    return shown.repeat(3, axis=2) if shown.shape[2] == 1 else shown
