"""The page's widgets: which tabs a run has, and what its controls show as they stand at first."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="needs pip install 'fashion-gan[studio]'")

from tests.studio.runs import opened
from trainer.data.labels import NOT_GIVEN
from trainer.studio import choosers, server, typed
from trainer.studio.open_run import OpenRun

ALL = ["Generate", "Walk", "Directions", "Edit", "Complete"]
TABS = {"style": ALL, "unconditional": ALL, "completing": ["Complete"]}
CALLED = ("draw", "go", "look", "move", "survey", "change")  # at once, or when a tab is opened


@pytest.fixture(scope="module", params=TABS)
def page(request, tmp_path_factory) -> tuple[Any, str, Path]:
    """The page of a run, of which kind, and the folder for its files."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED"):
            patch.setenv(name, "")  # restored afterwards
        server.use_folder(folder / "files")
        return built(opened(folder, request.param)), request.param, folder / "files"


def built(run: OpenRun) -> Any:
    """Its page. Without a running loop, Gradio leaves new ones open."""
    from trainer.studio import page

    async def build() -> Any:
        return page.page(run)

    return asyncio.run(build())


def tabs(blocks: Any) -> list[str]:
    """The names of a page's tabs."""
    found = blocks.get_config_file()["components"]
    return [each["props"]["label"] for each in found if each["type"] == "tabitem"]


def seen(outputs: list[Any]) -> list[str]:
    """What a function has the page show of texts, and of controls that it does not hide."""
    changed = [each for each in outputs if isinstance(each, dict) and each.get("visible")]
    return [each for each in outputs if isinstance(each, str)] + [each["value"] for each in changed]


def test_a_run_has_the_tabs_that_it_can_fill(page):
    blocks, kind, _ = page
    assert tabs(blocks) == TABS[kind]
    assert blocks.get_config_file()["analytics_enabled"] is False


def test_a_run_that_is_still_growing_draws_alone(tmp_path):
    run = opened(tmp_path, "unconditional")
    growing = dataclasses.replace(run.trained, growing=run.trained.generator)
    assert tabs(built(dataclasses.replace(run, trained=growing))) == ["Generate"]


def test_what_is_shown_at_first_is_pictures_and_a_command(page):
    blocks, kind, _ = page
    shown = []
    for function in blocks.fns.values():
        name = function.fn.__name__
        if name in CALLED:
            shown += seen(function.fn(*(each.value for each in function.inputs)))
    if kind == "completing":
        assert not shown  # until it is asked
        return
    assert any("data:image/png;base64," in each for each in shown)
    assert any(each.startswith("fashion-gan generate --job_dir=") for each in shown)
    assert not any("None" in each for each in shown if len(each) < 1000)


def test_files_of_the_page_lie_in_its_folder(page):
    blocks, _, folder = page
    galleries = [each for each in blocks.blocks.values() if type(each).__name__ == "Gallery"]
    assert galleries and list(folder.rglob("*.png"))


@pytest.mark.parametrize("kind", [typed.Number, typed.Slider])
def test_a_box_that_is_emptied_or_overfilled_while_one_types_is_no_error(kind):
    box = kind(minimum=1, maximum=8, value=3)
    another = type(box)(minimum=1, maximum=8, value=3, label="named")  # as Gradio changes a label
    for each in (box, another):
        assert [each.preprocess(typed) for typed in (5, None, -3, 1000)] == [5, 3, 1, 8]
    assert box.get_block_name() == kind.__bases__[0].__name__.lower()


def test_nothing_is_written_beside_the_modules_of_the_page():
    assert not list(Path(typed.__file__).parent.glob("*.pyi"))


def test_what_is_quick_does_not_wait_for_what_draws(page):
    blocks, kind, _ = page
    queued = {function.fn.__name__: function.queue for function in blocks.fns.values()}
    assert queued["prepare"] is False and queued["fill"] is True
    if kind != "completing":
        assert queued["look"] is False and queued["go"] is True


def test_another_hole_leaves_nothing_of_the_former_completion(page):
    blocks, *_ = page
    (prepare, *_) = [each for each in blocks.fns.values() if each.fn.__name__ == "prepare"]
    canvas, *shown = prepare.fn(*(each.value for each in prepare.inputs))
    assert canvas["layers"][0].any() and not any(seen(shown))


def test_the_box_of_a_command_is_there_when_there_is_one(page):
    blocks, *_ = page
    boxes = [each for each in blocks.blocks.values() if type(each).__name__ == "Code"]
    assert boxes and not any(box.visible for box in boxes)


def test_directions_of_a_picture_that_is_not_there_are_refused_once(page):
    blocks, kind, _ = page
    of_source = [
        function
        for function in blocks.fns.values()
        for trigger, _ in function.targets
        if getattr(blocks.blocks.get(trigger), "label", "") == "Start with"
    ]
    assert len(of_source) == TABS[kind].count("Directions")


def test_of_several_attributes_what_is_not_said_is_all_or_stays(tmp_path):
    run = opened(tmp_path, "style")
    sizes = run.recipe.data.label_sizes
    colour = [[], 2]
    assert choosers.all_labels(run, colour) == [(each, 2) for each in range(sizes[0])]
    assert choosers.all_labels(run, colour, kept=True) == [(NOT_GIVEN, 2)]
    assert choosers.all_labels(run, [[1], NOT_GIVEN], kept=True) == [(1, NOT_GIVEN)]
    assert choosers.all_labels(run, [[], NOT_GIVEN], kept=True) == []
