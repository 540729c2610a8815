"""Digests of a folder's files, kept from one start to the next."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.data.folders import READING
from tests.data.test_attribute_tables import COLOURS, picture
from trainer.cloud.data_places import DataPlaces
from trainer.cloud.picture_folder import PictureFolder
from trainer.data import folder_contents, kept_digests
from trainer.data.datasets import DataChoice
from trainer.system.exits import InterruptedRun

CHOICE = DataChoice("image_folder", 16, (), READING)


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    monkeypatch.setattr(kept_digests, "_SETTLED_NS", -(10**12))


@pytest.fixture
def places(tmp_path) -> DataPlaces:
    for number, colour in enumerate(list(COLOURS)[:3]):
        picture(tmp_path / "set" / f"{number}.bmp", colour)
    return DataPlaces(tmp_path / "set", tmp_path / "cache")


def start(places: DataPlaces, monkeypatch) -> tuple[str, list[str]]:
    """What a new process finds the folder to be, and names of the files that it reads for that."""
    read: list[str] = []
    digest = folder_contents._content_digest

    def noted(path: Path) -> bytes:
        read.append(path.name)
        return digest(path)

    folder = PictureFolder(places)
    folder.forget()
    with monkeypatch.context() as patched:
        patched.setattr(folder_contents, "_content_digest", noted)
        spec = folder.specify(CHOICE)
        folder.load(spec, "train")
    return spec.fingerprint, sorted(read)


def test_a_later_start_reads_no_picture_that_is_as_it_was(places, monkeypatch):
    before, read = start(places, monkeypatch)
    assert read == ["0.bmp", "1.bmp", "2.bmp"]
    assert start(places, monkeypatch) == (before, [])


def test_what_is_changed_is_read_also_where_its_size_and_time_are_the_same(places, monkeypatch):
    before, _ = start(places, monkeypatch)
    path = places.data_dir / "1.bmp"
    was = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))

    after, read = start(places, monkeypatch)

    assert read == ["1.bmp"] and after != before


def test_what_was_changed_just_now_is_read_again(places, monkeypatch):
    monkeypatch.setattr(kept_digests, "_SETTLED_NS", 10**12)
    start(places, monkeypatch)
    _, read = start(places, monkeypatch)
    assert read == ["0.bmp", "1.bmp", "2.bmp"]


@pytest.mark.parametrize("is_started", [False, True])
def test_a_wrong_digest_is_found_out_and_not_believed_again(is_started, places, monkeypatch):
    before, _ = start(places, monkeypatch)
    spec = PictureFolder(places).specify(CHOICE)
    (kept,) = (places.cache_dir / "pictures").glob("digests-*.npy")
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)

    folder = PictureFolder(places)
    folder.forget()
    if is_started:  # a run knows what its pictures are
        assert len(folder.load(spec, "train")[0]) == 3
    else:
        with pytest.raises(InterruptedRun, match="run again"):
            folder.load(folder.specify(CHOICE), "train")

    assert start(places, monkeypatch)[0] == before


def test_two_ways_to_name_a_folder_know_the_same_files(places, tmp_path, monkeypatch):
    start(places, monkeypatch)
    monkeypatch.chdir(tmp_path)
    relative = DataPlaces(Path("set"), places.cache_dir)
    assert start(relative, monkeypatch)[1] == []


def test_looking_alone_keeps_nothing_where_it_takes_no_minute(places):
    PictureFolder(places).specify(CHOICE)
    assert not places.cache_dir.exists()


def test_a_start_that_is_killed_while_it_reads_leaves_what_it_has_read(places, monkeypatch):
    digest = folder_contents._content_digest

    def killed_at_the_last(path: Path) -> bytes:
        if path.name == "2.bmp":
            raise KeyboardInterrupt
        return digest(path)

    with monkeypatch.context() as patched:
        patched.setattr(folder_contents, "KEEP_SECONDS", 0)
        patched.setattr(folder_contents, "_content_digest", killed_at_the_last)
        with pytest.raises(KeyboardInterrupt):
            PictureFolder(places).specify(CHOICE)
    assert start(places, monkeypatch)[1] == ["2.bmp"]


def test_a_damaged_file_of_digests_is_made_anew(places, monkeypatch):
    before, _ = start(places, monkeypatch)
    (kept,) = (places.cache_dir / "pictures").glob("digests-*.npy")
    for damage in (b"", b"half", kept.read_bytes()[:-7]):
        kept.write_bytes(damage)
        assert start(places, monkeypatch) == (before, ["0.bmp", "1.bmp", "2.bmp"])
        assert start(places, monkeypatch) == (before, [])
