"""Pictures in a bucket, and what is made of them there for processes without files of their own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.checks import emulated_bucket
from scripts.checks.emulated_bucket import BUCKET, Storage
from tests.command import run_forked
from tests.conftest import train_flags
from trainer.cloud import data_folder, url
from trainer.cloud.data_places import DataPlaces
from trainer.cloud.picture_folder import PictureFolder
from trainer.configuration import config_json, data_flags, flag_definitions, parsing
from trainer.data import image_folder
from trainer.data.datasets import DataChoice, DatasetSpec, LabelledImages
from trainer.system import exits
from trainer.system.exits import RefusedError

SMALL_PIECES = "from trainer.data import array_cache; array_cache.PIECE_ROWS = 8"
CLASSES = ("cap", "shoe")
EACH = 20  # pictures of a class


@pytest.fixture(scope="module")
def shared_storage():
    with emulated_bucket.started() as started:
        yield started


@pytest.fixture
def storage(shared_storage, monkeypatch, tmp_path):
    """The storage with a folder of pictures, which also lies in `tmp_path / "local"`."""
    for name, value in shared_storage.environment.items():
        monkeypatch.setenv(name, value)
    shared_storage.answers = lambda request: None
    draws = np.random.default_rng(0)
    for name in CLASSES:
        for number in range(EACH):
            path = tmp_path / "local" / name / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draws.integers(0, 256, (20, 20, 3), np.uint8)).save(path)
            shared_storage.write(f"{folder_of(tmp_path)}/{name}/{path.name}", path.read_bytes())
        shared_storage.write(f"{folder_of(tmp_path)}/{name}/", b"")  # as consoles make folders
    shared_storage.requests.clear()
    return shared_storage


def folder_of(tmp_path: Path) -> str:
    return f"{tmp_path.name}/pictures"


def flags(tmp_path: Path) -> list[str]:
    return [
        *("--dataset=image_folder", "--image_size=16"),
        f"--data_dir=gs://{BUCKET}/{folder_of(tmp_path)}",
        f"--cache_dir=gs://{BUCKET}/{tmp_path.name}/cache",
    ]


def prepare(tmp_path: Path, *more: str, code: int = exits.OK) -> str:
    """What the command says."""
    arguments = ["prepare_data", *flags(tmp_path), *more]
    return run_forked(*arguments, code=code, before=SMALL_PIECES).stderr


def asked_for(storage: Storage, tmp_path: Path) -> list[str]:
    """The pictures that were asked for."""
    return [
        each.object_name
        for each in storage.requests
        if each.object_name.startswith(f"{folder_of(tmp_path)}/")
    ]


def choice(tmp_path: Path) -> DataChoice:
    """What the flags ask for."""
    values = parsing.parse(["train", "--job_dir=unused", *flags(tmp_path)], flag_definitions.train)
    return data_flags.choice(values, {"dataset", "image_size"})


def another_machine(tmp_path: Path, name: str) -> data_folder.DataFolder:
    """The data folder of a process without any files."""

    def place(of: str) -> tuple[Path, url.GsUrl]:
        return tmp_path / name / of, url.parse(f"gs://{BUCKET}/{tmp_path.name}/{of}", "data_dir")

    (data, data_url), (cache, cache_url) = place("pictures"), place("cache")
    return data_folder.DataFolder(DataPlaces(data, cache, data_url, cache_url))


def as_another_machine(tmp_path: Path, name: str) -> tuple[DatasetSpec, LabelledImages]:
    """The specification and the training pictures there."""
    there = another_machine(tmp_path, name)
    spec = there.specify(choice(tmp_path))
    return spec, there.load(spec, "train")


def test_objects_that_no_file_can_be_are_left_out_and_said(storage, tmp_path):
    folder = folder_of(tmp_path)
    content = storage.read(f"{folder}/cap/00.png")
    for name in ("cap//a.png", "cap/b.png", "cap/b.png/c.png", f"cap/{'d' * 252}.png"):
        storage.write(f"{folder}/{name}", content)
    said = prepare(tmp_path)
    assert "41 pictures in gs://" in said
    assert said.count("are left out") == 1
    assert (
        f"--data_dir=gs://{BUCKET}/{folder}: 3 objects are left out, as no file here can have "
        "such a name: cap//a.png, cap/b.png, cap/ddd"
    ) in said


def test_a_copy_that_cannot_be_made_says_why_and_what_helps(storage, tmp_path):
    there = another_machine(tmp_path, "first")
    (tmp_path / "first" / "pictures").mkdir(parents=True)
    (tmp_path / "first" / "pictures" / "cap").touch()
    said = r"cap/\d\d\.png cannot be copied to .* \(File exists\): set TMPDIR to another$"
    with pytest.raises(RefusedError, match=said):
        there.specify(choice(tmp_path))

    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    refused = run_forked("prepare_data", *flags(tmp_path), code=exits.REFUSED, before=full)
    assert "(File too large): set TMPDIR to one with room" in refused.stderr


def test_a_second_start_needs_no_picture_and_gets_the_same(storage, tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.data.array_cache.PIECE_ROWS", 8)
    assert "40 pictures in gs://" in prepare(tmp_path)
    assert len(asked_for(storage, tmp_path)) == 40

    storage.requests.clear()
    assert "40 pictures in gs://" in prepare(tmp_path)
    spec, (images, labels) = as_another_machine(tmp_path, "second")
    assert not asked_for(storage, tmp_path)
    assert not storage.sent("")

    local = image_folder.specify(tmp_path / "local", 16, spec.folder)
    assert local == spec
    for ours, theirs in zip(
        (images, labels),
        PictureFolder(DataPlaces(tmp_path / "local", tmp_path / "own")).load(local, "train"),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_what_a_killed_start_has_made_is_taken_up_and_what_is_damaged_is_made_anew(
    storage, tmp_path
):
    prepare(tmp_path)
    cache = f"{tmp_path.name}/cache"
    names = storage.names(cache)
    pieces = sorted(name for name in names if name.startswith("arrays/"))
    first = storage.read(f"{cache}/{pieces[0]}")
    storage.write(f"{cache}/{pieces[0]}", first[:-1])
    for name in names:  # it was killed before it knew that all was made
        if name.startswith("folders/"):
            storage.remove(f"{cache}/{name}")
    storage.requests.clear()

    prepare(tmp_path)
    assert storage.sent("arrays/") == [f"{cache}/{pieces[0]}"]
    assert storage.read(f"{cache}/{pieces[0]}") == first
    assert storage.names(cache) == names


def test_other_pictures_are_looked_at(storage, tmp_path):
    prepare(tmp_path)
    storage.write(
        f"{folder_of(tmp_path)}/cap/more.png",
        (tmp_path / "local" / "cap" / "00.png").read_bytes(),
    )
    assert "41 pictures in gs://" in prepare(tmp_path)


@pytest.mark.parametrize("named", ["{}/table.csv", "~/table.csv"])
def test_a_table_from_elsewhere_is_read_each_time(storage, tmp_path, monkeypatch, named):
    monkeypatch.setenv("HOME", str(tmp_path))
    table, named = tmp_path / "table.csv", named.format(tmp_path)
    for colour in ("red", "blue"):
        rows = [f"cap/{number:02}.png,{colour}" for number in range(EACH)]
        table.write_text("\n".join(["file_name,colour", *rows, "shoe/00.png,green"]))
        shown = prepare(tmp_path, f"--metadata={named}", "--attribute_minimum=1")
        assert f"{colour} {EACH}" in shown


def test_a_cache_that_may_only_be_read_keeps_nobody_from_training(storage, tmp_path, caplog):
    storage.answers = lambda request: 403 if request.method == "POST" else None
    as_another_machine(tmp_path, "first")
    assert caplog.text.count("what is prepared is not kept for others") == 1
    assert "keeps nothing" in prepare(tmp_path, code=exits.REFUSED)
    assert not storage.names(f"{tmp_path.name}/cache")


def test_what_a_bucket_does_not_keep_is_refused(storage, tmp_path, capsys):
    for more, what in (
        (["--dataset=synthetic_garments"], "not drawn ones"),
        (["--features=own"], "not networks"),
    ):
        assert f"of pictures, {what}" in prepare(tmp_path, *more, code=exits.REFUSED)


def test_a_training_leaves_what_an_evaluation_needs(storage, tmp_path):
    run = [*flags(tmp_path), "--steps=1", "--evaluation_interval=0", "--noconditional"]
    run_forked(*train_flags(tmp_path / "run", *run), before=SMALL_PIECES)
    storage.requests.clear()
    there = another_machine(tmp_path, "later")
    images, _ = there.load(config_json.read(tmp_path / "run").recipe.data, "test")
    assert len(images)
    assert not asked_for(storage, tmp_path)


def test_a_run_with_earlier_rules_and_a_start_that_does_not_know_it_find_what_they_look_for(
    storage, tmp_path
):
    there = another_machine(tmp_path, "first")
    now = choice(tmp_path)
    earlier = dataclasses.replace(now, folder=dataclasses.replace(now.folder, rules=5))
    there.specify(now)
    there.load(there.specify(earlier), "train")
    storage.requests.clear()
    there = another_machine(tmp_path, "later")
    there.specify(now)
    there.load(there.specify(earlier), "train")
    assert not asked_for(storage, tmp_path)


def test_a_cache_among_the_pictures_is_refused(storage, tmp_path):
    inside = f"--cache_dir=gs://{BUCKET}/{folder_of(tmp_path)}/cache"
    assert "lies among the pictures" in prepare(tmp_path, inside, code=exits.REFUSED)


def test_a_folder_that_has_changed_since_it_was_specified_is_refused(storage, tmp_path):
    spec, _ = as_another_machine(tmp_path, "first")
    storage.write(f"{folder_of(tmp_path)}/cap/more.png", b"none")
    with pytest.raises(RefusedError, match="different pictures than before"):
        another_machine(tmp_path, "later").load(spec, "train")
