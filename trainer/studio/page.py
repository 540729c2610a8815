"""The page: a heading, and the tabs that a run can fill."""

from __future__ import annotations

import html
from pathlib import PurePosixPath

import gradio as gr

from trainer.studio import drawing_tabs, picture_tabs
from trainer.studio.open_run import OpenRun

_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")

CSS = """
.pictures { display: flex; flex-wrap: wrap; gap: 6px; }
.pictures figure { margin: 0; display: flex; flex-direction: column; }
.pictures img, .examples img, .image-container img { image-rendering: pixelated; }
.pictures img { border-radius: 3px; display: block; max-width: none; }
.pictures figcaption { font-size: 12px; text-align: center; opacity: .75; padding-top: 2px; }
.picture-rows { display: grid; grid-template-columns: max-content 1fr; gap: 6px 10px; }
.row-name { text-align: right; font-size: 13px; max-width: 160px; overflow-wrap: anywhere;
  align-self: center; }
.heading { padding: 0 !important; }
.heading h2 { margin: 0; font-size: 24px; } .heading p { margin: 2px 0 0; opacity: .7; }
.command { border: 1px solid var(--border-color-primary) !important; }
.command .cm-content, .command .cm-scroller { min-height: 0 !important; }
.command .cm-gutters { display: none !important; }
.files p { margin: 0; font-size: 13px; } .files a { padding: 0; margin: 0; }
.examples .grid-container { grid-template-columns: repeat(5, minmax(0, 1fr)) !important; gap: 4px;
  padding: 0; }
.examples .grid-container { grid-auto-rows: max-content !important;
  grid-template-rows: none !important; }
.examples .caption-label { display: none; }
.examples .thumbnail-item { min-width: 0; width: 100%; height: auto; aspect-ratio: 1; }
"""


def theme() -> gr.themes.Base:
    """Of fonts that every machine has: nothing is fetched."""
    return gr.themes.Soft(
        primary_hue="indigo", neutral_hue="slate", font=_FONTS, font_mono=_MONO, radius_size="sm"
    )


def page(run: OpenRun) -> gr.Blocks:
    """The page of a run."""
    with gr.Blocks(title=f"{run.name} · fashion-gan", analytics_enabled=False) as blocks:
        gr.HTML(_heading(run), elem_classes="heading")
        if run.can_be_edited:
            _drawing_and_editing(run, blocks)
        elif run.completes:
            with gr.Tab("Complete"):
                picture_tabs.complete(run)
        else:
            with gr.Tab("Generate"):
                drawing_tabs.generate(run, blocks)
    return blocks


def _drawing_and_editing(run: OpenRun, blocks: gr.Blocks) -> None:
    found = gr.State()
    with gr.Tab("Generate"):
        gr.Markdown("New pictures. The same seed always gives the same ones.")
        drawing_tabs.generate(run, blocks)
    with gr.Tab("Walk") as tab:
        gr.Markdown("The way from one picture to another.")
        drawing_tabs.walk(run, tab)
    with gr.Tab("Directions") as tab:
        gr.Markdown(
            "The directions in which the run's pictures change most, the largest first; each is "
            "named after what it changes more than others do."
        )
        drawing_tabs.directions(run, tab, found)
    with gr.Tab("Edit"):
        gr.Markdown(
            "Your picture, found among those that the run can draw: a search that takes about a "
            "quarter of a minute on two cores. "
            + ("Then it is drawn with other labels." if run.recipe.networks.conditional else "")
        )
        picture_tabs.edit(run, found)
    with gr.Tab("Complete"):
        gr.Markdown(
            "This run draws whole pictures, so it searches for ones that fit what is known, four "
            "times: about a minute. A run of `--preset=inpaint` completes at once, and better."
        )
        picture_tabs.complete(run)


def _heading(run: OpenRun) -> str:
    recipe = run.recipe
    height, width, channels = recipe.data.image_shape
    kind = "completes pictures" if run.completes else "draws pictures"
    if recipe.networks.conditional:
        kind += f" by {', '.join(each.name for each in recipe.data.attributes)}"
    facts = [
        recipe.data.dataset,
        f"{width} by {height} pixels, {'grey' if channels == 1 else 'in colour'}",
        f"{recipe.networks.architecture} network",
        f"step {run.trained.step}",
        kind,
    ]
    if run.trained.growing is not None:
        facts.append("still growing: pictures can be edited once it is fully grown")
    shown = html.escape(" · ".join(facts))
    name = html.escape(PurePosixPath(run.name).name)
    return f'<h2 title="{html.escape(run.name)}">{name}</h2><p>{shown}</p>'
