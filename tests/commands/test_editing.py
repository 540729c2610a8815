"""Using the result on pictures: project, edit, and generate of what they write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator

from tests.command import run_forked
from tests.conftest import train_flags
from trainer.commands import edit, generate, project
from trainer.configuration import editing_flags, flags
from trainer.editing import projection
from trainer.system import memory
from trainer.system.exits import RefusedError

QUICK = ("--steps=2", "--restarts=1")


@pytest.fixture(scope="module")
def styled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training of a style-based generator."""
    job_dir = tmp_path_factory.mktemp("runs") / "styled"
    narrow = ("--width=4", "--max_width=8", "--noise_dim=8", "--steps=3")
    quick = ("--precision=float32", "--penalty_interval=1")
    run_forked(*train_flags(job_dir, "--preset=fashion", "--dataset=synthetic", *narrow, *quick))
    return job_dir


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of a generator without styles."""
    job_dir = tmp_path_factory.mktemp("runs") / "plain"
    run_forked(*train_flags(job_dir, "--conditional", "--dataset=synthetic", "--steps=3"))
    return job_dir


def projected(job_dir: Path, output: Path, *more: str) -> Path:
    project.run(
        editing_flags.project(["project", f"--job_dir={job_dir}", f"--output={output}", *more])
    )
    return output


def edited(job_dir: Path, output: Path, *more: str) -> Path:
    edit.run(editing_flags.edit(["edit", f"--job_dir={job_dir}", f"--output={output}", *more]))
    return output


def generated(job_dir: Path, output: Path, *more: str) -> Path:
    generate.run(flags.generate(["generate", f"--job_dir={job_dir}", f"--output={output}", *more]))
    return output


def fields(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


@pytest.mark.parametrize("kind", [pytest.param("styled", marks=pytest.mark.slow), "plain"])
def test_generate_draws_what_project_found(kind, request, tmp_path):
    job_dir = request.getfixturevalue(kind)
    pictures = generated(job_dir, tmp_path / "pictures", "--num=2", "--labels=dress,boot")
    found = fields(projected(job_dir, tmp_path / "p.npz", f"--input={pictures}", *QUICK))
    again = fields(generated(job_dir, tmp_path / "g.npz", f"--latents={tmp_path / 'p.npz'}"))

    assert found["images"].shape == (2, 28, 28, 1) and found["latents"].dtype == np.float32
    assert found["labels"].shape == (2,) and ("styles" in found) == (kind == "styled")
    assert again.keys() == found.keys()
    for name, values in found.items():
        np.testing.assert_array_equal(again[name], values)
    given = ("--labels=boot,bag", *QUICK)
    found = fields(projected(job_dir, tmp_path / "l.npz", f"--input={pictures}", *given))
    assert found["labels"].tolist() == [9, 8]


def test_pictures_stand_beside_what_is_drawn_of_them(styled, tmp_path):
    pictures = generated(styled, tmp_path / "x.npz", "--num=3")
    sheet = projected(styled, tmp_path / "x.png", f"--input={pictures}", *QUICK)
    with Image.open(sheet) as picture:
        assert picture.height == 24 + 3 * 64 and picture.width > 2 * 64


def test_generate_takes_labels_of_its_own_beside_latents(styled, tmp_path):
    source = edited(styled, tmp_path / "s.npz", "--to_label=bag", "--num=1", "--labels=dress")
    both, more = fields(source), ("--labels=bag", f"--latents={source}")
    images = fields(generated(styled, tmp_path / "g.npz", *more))["images"]
    assert both["labels"].tolist() == [3, 8]
    difference = images[0].astype(int) - both["images"][1]
    assert np.abs(difference).max() <= 1


def test_samples_are_edited_as_generate_draws_them(styled, tmp_path):
    drawn = fields(generated(styled, tmp_path / "g.npz", "--num=2", "--seed=3"))["images"]
    more = ("--num=2", "--seed=3", "--direction=1", "--strength=0,1,2")
    moved = fields(edited(styled, tmp_path / "d.npz", *more))
    np.testing.assert_array_equal(moved["images"][::3], drawn)
    assert moved["styles"].shape[0] == moved["latents"].shape[0] == 6
    again = fields(edited(styled, tmp_path / "again.npz", *more))
    np.testing.assert_array_equal(again["images"], moved["images"])


def test_mixing_with_the_same_seed_has_the_samples_on_its_diagonal(styled, tmp_path):
    drawn = fields(generated(styled, tmp_path / "g.npz", "--num=3", "--seed=1"))["images"]
    mixed = fields(edited(styled, tmp_path / "m.npz", "--num=3", "--seed=1", "--mix=1"))["images"]
    np.testing.assert_array_equal(mixed[::4], drawn)
    files = (f"--input={tmp_path / 'm.npz'}", f"--mix={tmp_path / 'm.npz'}", "--layers=0-2")
    grid = fields(edited(styled, tmp_path / "n.npz", *files))["images"].reshape(9, 9, 28, 28, 1)
    np.testing.assert_array_equal(grid[4], mixed)  # all layers are the columns'


def test_sheets_and_animations_are_drawn(styled, plain, tmp_path):
    for job_dir in (styled, plain):
        sheet = edited(job_dir, tmp_path / "d.png", "--directions=2", "--strength=-1,0,1")
        with Image.open(sheet) as picture:
            assert picture.height == 24 + 2 * 64
        film = edited(job_dir, tmp_path / "l.gif", "--to_label=boot", "--num=1")
        with Image.open(film) as picture:
            assert picture.n_frames == (24 if job_dir == styled else 2)


def test_a_finished_run_shows_directions_and_mixtures_of_styles(styled, plain):
    shown = {}
    for job_dir in (styled, plain):
        events = event_accumulator.EventAccumulator(
            str(job_dir / "tensorboard" / "train"), {event_accumulator.TENSORS: 0}
        ).Reload()
        tags = {tag for tag in events.Tags()["tensors"] if tag.startswith("edits/")}
        shown[job_dir] = {tag: [event.step for event in events.Tensors(tag)] for tag in tags}
    assert shown[styled] == {"edits/directions": [3], "edits/mixtures": [3]}
    assert shown[plain] == {}


REFUSED = {
    "": "one of --to_label, --direction, --directions, --mix is needed",
    "--to_label=boot --direction=1": "not --to_label and --direction",
    "--to_label=hat": "--to_label names 'hat'",
    "--to_label=boot --strength=1,2": "--directions, not to --to_label",
    "--to_label=boot --layers=0": "does not apply to --to_label",
    "--direction=1 --strength=1": "two or more numbers",
    "--direction=1 --strength=1,nan": "two or more numbers",
    "--direction=1 --strength=a,b": "must be numbers",
    "--direction=1 --layers=x": "numbers from 0",
    "--direction=1 --layers=2-1": "names no layer",
    "--direction=1 --input=x.png --num=2": "leave one of them out",
    "--direction=1 --input=missing.png": "does not exist",
    "--mix=missing.npz": "does not exist",
    "--mix=99999999999": "not a seed",
    "--direction=1 --output=x.jpg": "must end in",
    "--direction=1 --steps=50": "--steps applies only when pictures are projected",
    "--mix=1 --restarts=4": "--restarts applies only when pictures are projected",
    "--to_label=boot --num=20000": "more than a .png can hold",
    "--mix=1 --num=900": "more than a .png can hold",
}


@pytest.mark.parametrize("given", REFUSED)
def test_edits_that_cannot_be_are_refused(given, styled, tmp_path):
    with pytest.raises(RefusedError, match=REFUSED[given]):
        edited(styled, tmp_path / "x.png", *given.split())


def test_what_a_generator_does_not_have_is_refused(styled, plain, tmp_path):
    output = tmp_path / "x.npz"
    for job_dir, given, said in (
        (plain, "--mix=1", "no styles"),
        (plain, "--direction=1 --layers=0", "no styles"),
        (styled, "--direction=1 --layers=3", "layers 0 to 2"),
        (styled, "--direction=9999", "directions"),
    ):
        with pytest.raises(RefusedError, match=said):
            edited(job_dir, output, *given.split())


def test_what_cannot_be_is_refused_before_pictures_are_projected(
    styled, plain, tmp_path, monkeypatch
):
    def never(*arguments):
        raise AssertionError("it was projected")

    monkeypatch.setattr(projection, "project", never)
    pictures = generated(styled, tmp_path / "pictures", "--num=3")
    other = edited(plain, tmp_path / "other.npz", "--to_label=boot", "--num=1")
    values = fields(edited(styled, tmp_path / "own.npz", "--to_label=boot", "--num=1"))
    np.savez(tmp_path / "odd.npz", latents=values["latents"], styles=values["styles"][:, :, 1:])
    for given, said in (
        ("--direction=200", "this run has"),
        ("--directions=64", "this run has"),
        (f"--mix={tmp_path / 'odd.npz'}", "use a file of this run"),
        (f"--mix={other}", r"must be float32 \[N, 8\]"),
        ("--direction=1 --layers=7", "layers 0 to 2"),
    ):
        with pytest.raises(RefusedError, match=said):
            edited(styled, tmp_path / "x.png", f"--input={pictures}", *given.split())


def test_more_images_than_the_memory_holds_are_refused(styled, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10 * 2**20)
    edited(styled, tmp_path / "few.npz", "--to_label=boot,bag", "--num=50")
    with pytest.raises(RefusedError, match=r"do not fit into memory.* edit fewer"):
        edited(styled, tmp_path / "many.npz", "--to_label=boot,bag", "--num=5000")
    with pytest.raises(RefusedError, match=r"do not fit into memory.* fewer at once"):
        generated(styled, tmp_path / "many.npz", "--num=20000")


def test_an_animation_of_any_number_of_images_is_drawn(styled, tmp_path):
    film = edited(styled, tmp_path / "l.gif", "--to_label=boot", "--num=37", "--seed=4")
    with Image.open(film) as picture:
        assert max(picture.size) < 2 * min(picture.size)


def test_latents_without_labels_can_be_given_some(plain, tmp_path, caplog):
    values = fields(edited(plain, tmp_path / "e.npz", "--to_label=boot", "--num=2"))
    source = tmp_path / "latents.npz"
    np.savez(source, latents=values["latents"])
    generated(plain, tmp_path / "x.png", f"--latents={source}")
    edited(plain, tmp_path / "x.png", f"--input={source}", "--direction=1")
    assert caplog.text.count("gives no labels for some images, though this run draws by them") == 2
    given = (f"--input={source}", "--labels=bag,dress", "--direction=1", "--strength=0,1,2")
    moved = fields(edited(plain, tmp_path / "x.npz", *given))
    assert moved["labels"].tolist() == ([8] * 3 + [3] * 3) * 2
    drawn = fields(
        generated(plain, tmp_path / "g.npz", f"--latents={source}", "--labels=bag,dress")
    )
    np.testing.assert_array_equal(moved["images"][::3], drawn["images"])


def test_styles_are_of_no_use_to_a_generator_without(plain, styled, tmp_path):
    values = fields(edited(styled, tmp_path / "e.npz", "--to_label=boot", "--num=2"))
    np.savez(tmp_path / "styles.npz", styles=values["styles"])
    with pytest.raises(RefusedError, match="as styles of an image, but this run has none"):
        generated(plain, tmp_path / "x.png", f"--latents={tmp_path / 'styles.npz'}")


def test_flags_of_a_search_are_refused_where_nothing_is_searched(styled, tmp_path):
    source = edited(styled, tmp_path / "e.npz", "--to_label=boot", "--num=2")
    for more in ("--steps=50", "--restarts=3"):
        with pytest.raises(RefusedError, match=f"{more.split('=')[0]} applies only when"):
            edited(styled, tmp_path / "x.npz", f"--input={source}", "--to_label=bag", more)


def test_styles_follow_other_labels_only_from_the_labels_that_they_are_of(styled, tmp_path):
    own = fields(edited(styled, tmp_path / "own.npz", "--to_label=boot", "--num=2"))
    path = tmp_path / "part.npz"
    for left_out in ("labels", "latents"):
        np.savez(path, **{name: own[name] for name in own if name != left_out})
        for change in (
            lambda: edited(styled, tmp_path / "x.npz", f"--input={path}", "--to_label=bag"),
            lambda: generated(styled, tmp_path / "x.npz", f"--latents={path}", "--labels=bag"),
        ):
            with pytest.raises(RefusedError, match=f"has styles without {left_out}"):
                change()
    np.savez(path, **{name: own[name] for name in own if name != "labels"})
    given = (f"--input={path}", "--labels=t-shirt,boot,trouser,boot", "--to_label=bag")
    named = fields(edited(styled, tmp_path / "x.npz", *given))
    np.savez(path, **own)
    said = fields(edited(styled, tmp_path / "x.npz", f"--input={path}", "--to_label=bag"))
    np.testing.assert_array_equal(named["images"], said["images"])


def test_a_seed_that_decides_nothing_is_refused(styled, tmp_path):
    own = edited(styled, tmp_path / "own.npz", "--to_label=boot", "--num=1")
    with pytest.raises(RefusedError, match="--seed applies only when"):
        edited(styled, tmp_path / "x.npz", f"--input={own}", "--direction=1", "--seed=5")


def test_latents_that_are_not_the_runs_are_refused(styled, plain, tmp_path):
    of_other = edited(plain, tmp_path / "other.npz", "--to_label=boot", "--num=1")
    with pytest.raises(RefusedError, match=r"must be float32 \[N, 8\]"):
        generated(styled, tmp_path / "x.npz", f"--latents={of_other}")
    own = edited(styled, tmp_path / "own.npz", "--to_label=boot", "--num=1")
    values = fields(own)
    np.savez(tmp_path / "odd.npz", latents=values["latents"], styles=values["styles"][:, :, 1:])
    with pytest.raises(RefusedError, match="use a file of this run"):
        generated(styled, tmp_path / "x.npz", f"--latents={tmp_path / 'odd.npz'}")
    for more, said in (
        (("--num=2",), "leave --num out"),
        (("--seed=0",), "leave --seed out"),
        (("--truncation=0.5",), "leave --truncation out"),
    ):
        with pytest.raises(RefusedError, match=said):
            generated(styled, tmp_path / "x.npz", f"--latents={own}", *more)
    with pytest.raises(RefusedError, match=r"needs a \.png"):
        generated(styled, tmp_path / "x.gif", f"--latents={own}")
    with pytest.raises(RefusedError, match="leave --labels out"):
        edited(styled, tmp_path / "x.npz", f"--input={own}", "--to_label=boot", "--labels=bag")


def test_a_refusal_is_one_line_with_its_code(styled, tmp_path):
    done = run_forked(
        *("project", f"--job_dir={styled}", "--input=none.png", f"--output={tmp_path / 'x.npz'}"),
        code=64,
    )
    assert done.stderr.count("\n") == 1 and "none.png" in done.stderr
