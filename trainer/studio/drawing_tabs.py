"""The tabs that need no picture: Generate, Walk and Directions."""

from __future__ import annotations

from typing import Any

import gradio as gr

from trainer.studio import choosers, drawing, moving, panels, typed
from trainer.studio.choosers import SEED
from trainer.studio.drawing import FRAMES, Sample
from trainer.studio.open_run import DIRECTIONS, OpenRun
from trainer.studio.panels import Panel
from trainer.system.exits import RefusedError

_EACH, _NUMBER = 8, 36  # pictures, with labels and without
_MOST_EACH, _MOST = 24, 100
# The slider's ends and step: of styles the share that is left, of latents standard deviations. Its
# end stands for none.
_STYLE_TRUNCATION, _LATENT_TRUNCATION = (0.1, 1.0, 0.05), (0.2, 3.0, 0.1)
_STRIP = 3  # a frame of so many is in the strip


def generate(run: OpenRun, page: gr.Blocks) -> None:
    """Draws pictures of a seed."""
    lowest, highest, step = _STYLE_TRUNCATION if run.is_style_based else _LATENT_TRUNCATION
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            asked = choosers.several_dropdowns(run, "none chosen: all of them")
            seed = typed.Number(0, label="Seed", info="decides which pictures are drawn", **SEED)
            each, most = (_EACH, _MOST_EACH) if asked else (_NUMBER, _MOST)
            label = "Pictures of each" if asked else "Pictures"
            number = typed.Slider(1, most, value=each, step=1, label=label)
            truncation = typed.Slider(
                lowest,
                highest,
                value=highest,
                step=step,
                label="Truncation",
                info="lower: plainer pictures, more alike; at the right end: no truncation",
                visible=run.trained.growing is None,
            )
        with gr.Column(scale=3):
            panel = Panel()

    def draw(seed: float, number: float, truncation: float, *asked: Any) -> list[Any]:
        bound = None if truncation >= highest else float(truncation)
        labels = choosers.all_labels(run, asked)
        shown = drawing.generated(run, labels, int(number), int(seed), bound)
        return panels.shows(shown)

    controls = [seed, number, truncation, *asked]
    triggers = [page.load, *(each.change for each in controls)]
    panels.listen(triggers, draw, controls, panel.outputs)


def walk(run: OpenRun, tab: gr.Tab) -> None:
    """Goes from one picture to another."""
    frames = gr.State()
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            ends = []
            for name, seed in (("From", 0), ("To", 1)):
                with gr.Group():
                    number = typed.Number(seed, label=f"{name} seed", **SEED)
                    labels = choosers.attribute_dropdowns(run, title=name, last=bool(seed))
                    ends.append([number, *labels])
            place = typed.Slider(0, 100, value=50, step=1, label="How far, in %")
        with gr.Column(scale=3):
            at_place = gr.HTML()
            panel = Panel()

    def go(place: float, *values: Any) -> list[Any]:
        half = len(values) // 2
        samples = [
            Sample(int(seed), choosers.labels(run, labels))
            for seed, *labels in (values[:half], values[half:])
        ]
        shown = drawing.walked(run, *samples)
        strip = slice(None, None, _STRIP)
        pictures = panels.grid(shown.images[strip], shown.captions[strip])
        return [shown.images, look(place, shown.images), *panels.shows(shown, pictures)]

    def look(place: float, images: Any) -> str:
        if images is None:
            return ""
        frame = round(place / 100 * (FRAMES - 1))
        shown = panels.figure(images[frame], f"{frame / (FRAMES - 1):.0%} of the way")
        return f'<div class="pictures">{shown}{panels.animation(images, "there and back")}</div>'

    controls = [*ends[0], *ends[1]]
    triggers = [tab.select, *(each.change for each in controls)]
    panels.listen(triggers, go, [place, *controls], [frames, at_place, *panel.outputs])
    panels.listen([place.change], look, [place, frames], [at_place], "hidden", draws=False)


def directions(run: OpenRun, tab: gr.Tab, found: gr.State) -> None:
    """Moves a picture along directions.

    Args:
      run: that draws.
      tab: in which this is.
      found: what the tab Edit has found for a picture, or None.
    """
    sample, picture = "a sample", "the picture from the tab Edit"
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            source = gr.Radio([sample, picture], value=sample, label="Start with")
            seed = typed.Number(0, label="Seed", **SEED)
            asked = choosers.attribute_dropdowns(run)
            number = min(DIRECTIONS, len(run.directions.vectors))
            strength = moving.STRENGTH
            sliders = [
                typed.Slider(-strength, strength, value=0, step=0.1, label=str(each))
                for each in range(1, number + 1)
            ]
            back = gr.Button("Back to the start", size="sm")
        with gr.Column(scale=3):
            panel = Panel()
            gr.Markdown("**All of them**: each row is a direction, from one end to the other")
            overview = Panel()

    def start(source: str, found: Any, seed: float, labels: tuple[Any, ...]) -> moving.Start:
        if source == picture:
            return moving.of_codes(found.codes) if found else _nothing_found()
        return moving.of_sample(run, Sample(int(seed), choosers.labels(run, labels)))

    def move(source: str, found: Any, seed: float, *values: Any) -> list[Any]:
        strengths, labels = values[:number], values[number:]
        begin = start(source, found, seed, labels)
        shown = moving.moved(run, begin, [float(each) for each in strengths])
        before = run.synthesis.images(begin.codes)[0]
        both = panels.figure(before, "the start") + panels.figure(shown.images[0], "moved")
        return panels.shows(shown, f'<div class="pictures">{both}</div>')

    def survey(source: str, found: Any, seed: float, *values: Any) -> list[Any]:
        shown = moving.overview(run, start(source, found, seed, values[number:]))
        named = [gr.update(label=name) for name in run.direction_names]
        return [*move(source, found, seed, *values), *panels.shows(shown), *named]

    which = [source, found, seed]
    changes = [tab.select, *(each.change for each in (source, seed, *asked))]
    controls = [*which, *sliders, *asked]
    panels.listen([each.change for each in sliders], move, controls, panel.outputs)
    panels.listen(changes, survey, controls, [*panel.outputs, *overview.outputs, *sliders])
    panels.listen([back.click], lambda: [0] * number, [], sliders, "hidden", draws=False)


def _nothing_found() -> moving.Start:
    raise RefusedError("the tab Edit has no picture yet: project one there")
