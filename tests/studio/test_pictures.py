"""What the page draws: each control changes it, and the command that is shown makes the same."""

from __future__ import annotations

import shlex

import numpy as np
import pytest

from tests.studio.runs import made_by, opened
from trainer.configuration.editing import Search
from trainer.data import labels
from trainer.data.datasets import Attribute
from trainer.studio import completing, drawing, editing, moving
from trainer.studio.drawing import Sample
from trainer.studio.open_run import OpenRun
from trainer.studio.shown import labels_flag, written
from trainer.system.exits import RefusedError

QUICK = Search(restarts=1, steps=3)


@pytest.fixture(scope="module")
def style(tmp_path_factory) -> OpenRun:
    return opened(tmp_path_factory.mktemp("runs"), "style")


@pytest.fixture(scope="module")
def completes(tmp_path_factory) -> OpenRun:
    return opened(tmp_path_factory.mktemp("runs"), "completing")


@pytest.fixture(
    scope="module", params=["style", pytest.param("plain", marks=pytest.mark.slow), "unconditional"]
)
def run(request, tmp_path_factory) -> OpenRun:
    if request.param == "style":
        return request.getfixturevalue("style")
    return opened(tmp_path_factory.mktemp("runs"), request.param)


def some_labels(run: OpenRun, *rows: tuple[int, ...]) -> list[labels.Labels]:
    """Labels of class and colour for a run that may have fewer attributes, or none."""
    size = len(run.recipe.data.attributes)
    return [row[:size] if run.recipe.networks.conditional else run.no_labels for row in rows]


def differ(left: np.ndarray, right: np.ndarray) -> bool:
    return left.shape != right.shape or bool((left != right).any())


def test_generate_follows_seed_labels_number_and_truncation(run):
    asked = some_labels(run, (3, 1), (5, 2)) if run.recipe.networks.conditional else []
    usual = drawing.generated(run, asked, 2, 0, None)
    assert len(usual.images) == len(usual.captions) == 2 * (len(asked) or 1)
    assert differ(usual.images, drawing.generated(run, asked, 2, 1, None).images)
    assert differ(usual.images, drawing.generated(run, asked, 2, 0, 0.3).images)
    assert differ(usual.images, drawing.generated(run, asked, 3, 0, None).images)
    if asked:
        assert differ(usual.images, drawing.generated(run, asked[::-1], 2, 0, None).images)


@pytest.mark.parametrize("truncation", [None, 0.4])
def test_the_command_of_generate_makes_the_same(run, truncation, tmp_path):
    asked = some_labels(run, (3, 1), (5, 2)) if run.recipe.networks.conditional else []
    shown = drawing.generated(run, asked, 3, 7, truncation)
    by_turns = made_by(shown.command, tmp_path)
    rows = len(shown.rows) or 1
    assert len(by_turns) == 3 * rows
    np.testing.assert_array_equal(
        np.concatenate([by_turns[k::rows] for k in range(rows)]), shown.images
    )


def test_a_panel_shows_no_more_than_a_page_can_and_its_command_makes_the_same(
    run, tmp_path, monkeypatch
):
    monkeypatch.setattr(drawing, "MOST_SHOWN", 7)
    shown = drawing.generated(run, [], 5, 0, None)
    assert len(shown.images) == len(shown.captions) <= 7
    by_turns = made_by(shown.command, tmp_path)
    rows = len(shown.rows) or 1
    np.testing.assert_array_equal(
        np.concatenate([by_turns[k::rows] for k in range(rows)]), shown.images
    )


def test_of_large_pictures_a_panel_shows_fewer(run, monkeypatch):
    assert drawing.most_shown(run) == 1000
    monkeypatch.setattr(drawing, "_SIDE", 4)  # as if those of 16 pixels were of 256
    assert len(drawing.generated(run, [], 100, 0, None).images) <= drawing.most_shown(run) == 62


def test_a_walk_goes_from_one_to_the_other_and_its_command_makes_the_same(run, tmp_path):
    start, end = (
        Sample(seed, wanted)
        for seed, wanted in zip((0, 5), some_labels(run, (0, 1), (4, 3)), strict=True)
    )
    shown = drawing.walked(run, start, end)
    assert len(shown.images) == drawing.FRAMES
    assert differ(shown.images[0], shown.images[-1])
    first = run.synthesis.images(drawing.sampled(run, start))
    np.testing.assert_array_equal(shown.images[0], first[0])
    np.testing.assert_array_equal(made_by(shown.command, tmp_path), shown.images)


def test_directions_move_a_picture_and_their_commands_make_the_same(run, tmp_path):
    start = moving.of_sample(run, Sample(3, some_labels(run, (2, 1))[0]))
    still = moving.moved(run, start, [0.0, 0.0])
    shown = moving.moved(run, start, [2.0, -1.5])
    assert differ(still.images, shown.images)
    np.testing.assert_array_equal(made_by(shown.command, tmp_path), shown.images)
    overview = moving.overview(run, start)
    np.testing.assert_array_equal(made_by(overview.command, tmp_path), overview.images)
    of_found = moving.overview(run, moving.of_codes(start.codes))
    np.testing.assert_array_equal(made_by(of_found.command, tmp_path), of_found.images)


def test_a_picture_is_found_and_its_command_makes_the_same(run, tmp_path):
    assert run.examples is not None
    given = tuple(run.examples.labels[0].tolist())
    found = editing.found(run, run.examples.images[0], given, QUICK)
    drawn = editing.as_drawn(run, found)
    np.testing.assert_array_equal(made_by(drawn.command, tmp_path), drawn.images)
    if run.recipe.networks.conditional:
        shown = editing.by_labels(run, found, some_labels(run, (3, 1), (5, -1)))
        assert differ(shown.images[1], shown.images[2])
        np.testing.assert_array_equal(made_by(shown.command, tmp_path), shown.images)


@pytest.mark.parametrize("kind", ["completes", pytest.param("style", marks=pytest.mark.slow)])
def test_completions_differ_and_their_command_makes_the_same(kind, request, tmp_path, monkeypatch):
    monkeypatch.setattr(completing, "WAYS", 2)  # each is searched for
    run = request.getfixturevalue(kind)
    assert run.examples is not None
    picture, mask = run.examples.images[0], completing.ready_mask("right half", 16)
    shown = completing.completed(run, picture, mask, run.no_labels, 4, QUICK)
    assert len(shown.images) == completing.WAYS
    assert differ(shown.images[0], shown.images[1])
    for image in shown.images:
        np.testing.assert_array_equal(image[:, :8], picture[:, :8])
    np.testing.assert_array_equal(made_by(shown.command, tmp_path), shown.images)


def test_a_mask_of_nothing_or_of_all_is_refused(completes):
    assert completes.examples is not None
    picture, empty = completes.examples.images[0], np.zeros((16, 16, 1), np.uint8)
    for mask, said in ((empty, "nothing is missing"), (empty + 1, "all of it is missing")):
        with pytest.raises(RefusedError, match=said):
            completing.completed(completes, picture, mask, completes.no_labels, 0, QUICK)


def test_a_pixel_is_missing_if_half_of_it_is_painted():
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:8, :8] = 255  # four whole pixels of 4x4 canvas pixels each
    alpha[8:10, :8] = 255  # two halves
    alpha[10:11, 8:] = 1  # and quarters
    mask = completing.painted_mask(alpha, 16)
    expected = np.zeros((16, 16, 1), np.uint8)
    expected[:3, :2] = 1
    np.testing.assert_array_equal(mask, expected)


def test_each_ready_mask_leaves_something_and_takes_something():
    masks = [completing.ready_mask(name, 28) for name in completing.READY_MASKS]
    assert all(0 < mask.mean() < 1 for mask in masks)
    assert len({mask.tobytes() for mask in masks}) == len(masks)


ODD = (
    Attribute("class", ("plain", "T-shirt/top", "a,b", "red", " x", "3")),
    Attribute("colour", ("red", "dark blue", "1,5", "a/b")),
)


@pytest.mark.parametrize("attributes", [ODD, ODD[:1]])
def test_labels_are_written_so_that_flags_read_them_as_they_are(attributes):
    sizes = [range(-1, len(each.values)) for each in attributes]
    for wanted in np.stack(np.meshgrid(*sizes), -1).reshape(-1, len(sizes)).tolist():
        text = written(tuple(wanted), attributes)
        if set(wanted) != {-1}:
            assert "," not in text
            assert labels.parse(text, attributes) == tuple(wanted), text


def test_commands_name_the_step_of_the_best_checkpoint_which_may_be_another_later(tmp_path):
    assert "--checkpoint=2" in opened(tmp_path, "plain", "best").arguments


def test_a_command_is_quoted_for_a_shell(style):
    shown = drawing.generated(style, [(3, 1)], 1, 0, None)
    words = shlex.split(shown.command.line())
    assert words[:2] == ["fashion-gan", "generate"] and words[2:] == list(shown.command.arguments)
    assert labels_flag("labels", [(-1, -1)], style.recipe) == []
    assert "--checkpoint=2" in words  # not the latest, which may be another by then
