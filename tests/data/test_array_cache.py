"""What is prepared of pictures: kept elsewhere, found again, taken up where it was killed."""

from __future__ import annotations

import errno
import logging
import os
import resource
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.data.folders import cache_of, load
from tests.data.test_attribute_tables import picture
from trainer.data import array_cache, folder_contents
from trainer.system import memory
from trainer.system.exits import RefusedError

SHAPE = (10, 4, 4, 3)


def rows(first: int, last: int) -> np.ndarray:
    each = np.arange(first, last, dtype=np.uint8)
    return np.broadcast_to(each[:, None, None, None], (last - first, *SHAPE[1:]))


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(array_cache, "PIECE_BYTES", 2 * 4 * 4 * 3)


def test_nothing_is_written_into_a_folder_of_pictures_which_may_be_read_only(tmp_path):
    picture(tmp_path / "set" / "a.png")
    (tmp_path / "set").chmod(0o555)
    before = sorted((tmp_path / "set").iterdir())
    load(tmp_path / "set")
    again, _ = load(tmp_path / "set")
    assert sorted((tmp_path / "set").iterdir()) == before
    assert (
        isinstance(again, np.memmap) and cache_of(tmp_path / "set") in Path(again.filename).parents
    )


def test_it_is_found_again_by_content_from_another_folder(tmp_path, caplog):
    for name in ("one", "other"):
        picture(tmp_path / name / "a.png")
    first, _ = load(tmp_path / "one")
    cache_of(tmp_path / "one").rename(cache_of(tmp_path / "other"))
    caplog.clear()
    with caplog.at_level(logging.INFO):
        second, _ = load(tmp_path / "other")
    np.testing.assert_array_equal(first, second)
    entries = [
        each for each in (cache_of(tmp_path / "other") / "pictures").iterdir() if each.is_dir()
    ]
    assert (
        len(entries) == 1 and "data: 1 picture prepared in" in caplog.text and "KiB" in caplog.text
    )


def test_a_killed_preparation_is_taken_up(small_pieces, tmp_path):
    class Killed(BaseException):
        pass

    def killed_at_six(first: int, last: int) -> np.ndarray:
        if first == 6:
            raise Killed
        return rows(first, last)

    with pytest.raises(Killed):
        array_cache.array(tmp_path, "name", SHAPE, killed_at_six)
    made = []

    def counted(first: int, last: int) -> np.ndarray:
        made.extend(range(first, last))
        return rows(first, last)

    found = array_cache.array(tmp_path, "name", SHAPE, counted)
    assert made == [6, 7, 8, 9]
    np.testing.assert_array_equal(found, rows(0, 10))
    array_cache.array(tmp_path, "name", SHAPE, counted)
    assert made == [6, 7, 8, 9]


def test_how_many_files_are_read_is_said_where_that_takes_long(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(folder_contents, "LINE_SECONDS", 0.0)
    for name in "abc":
        picture(tmp_path / f"{name}.png")
    with caplog.at_level(logging.INFO):
        load(tmp_path)
    assert "data: 2 of 3 files read" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_is_made_does_not_stay_in_memory(tmp_path):
    rows = array_cache.PIECE_ROWS
    row = (array_cache.PIECE_BYTES // rows, 1, 1)
    shape = (6 * rows, *row)

    def blank(first: int, last: int) -> np.ndarray:
        return np.ones((last - first, *shape[1:]), np.uint8)

    def mapped_file_bytes() -> int:
        return int(Path("/proc/self/statm").read_text().split()[2]) * resource.getpagesize()

    before, most = mapped_file_bytes(), 0

    def watched(first: int, last: int) -> np.ndarray:
        nonlocal most
        most = max(most, mapped_file_bytes())
        return blank(first, last)

    array_cache.array(tmp_path, "name", shape, watched)
    assert most - before < 2 * array_cache.PIECE_BYTES


def test_a_damaged_array_is_made_again(tmp_path):
    array_cache.array(tmp_path, "name", SHAPE, rows)
    path = tmp_path / "pictures" / "name" / "images.npy"
    path.write_bytes(path.read_bytes()[:-10])
    np.testing.assert_array_equal(array_cache.array(tmp_path, "name", SHAPE, rows), rows(0, 10))


def test_where_nothing_can_be_kept_it_is_made_in_memory_and_this_is_said(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    found = array_cache.array(tmp_path / "file", "name", SHAPE, rows)
    np.testing.assert_array_equal(found, rows(0, 10))
    assert "kept in memory only" in caplog.text and "--cache_dir" in caplog.text


def test_errors_of_what_is_read_are_not_those_of_what_is_kept(small_pieces, tmp_path, caplog):
    def lost_at_four(first: int, last: int) -> np.ndarray:
        if first == 4:
            raise OSError(errno.ENOTCONN, "lost", "/mnt/pictures/4.jpg")
        return rows(first, last)

    with pytest.raises(OSError, match="lost"):
        array_cache.array(tmp_path, "name", SHAPE, lost_at_four)
    assert "kept in memory" not in caplog.text
    made = []
    array_cache.array(
        tmp_path, "name", SHAPE, lambda first, last: (made.append(first), rows(first, last))[1]
    )
    assert made == [4, 6, 8]  # what was made before is taken up


def test_of_a_disk_that_fills_up_on_the_way_nothing_is_left(small_pieces, tmp_path, monkeypatch):
    fsync, calls = os.fsync, []

    def full(number: int) -> None:
        calls.append(number)
        if len(calls) == 3:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        fsync(number)

    monkeypatch.setattr(array_cache.os, "fsync", full)
    found = array_cache.array(tmp_path, "name", SHAPE, rows)
    np.testing.assert_array_equal(found, rows(0, 10))
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"]


def test_what_fits_nowhere_is_refused_before_it_is_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(memory, "available", lambda: 10 * 4 * 4 * 3 - 1)
    with pytest.raises(RefusedError, match=r"do not fit into memory.*--cache_dir"):
        array_cache.array(tmp_path / "file", "name", SHAPE, rows)


def test_how_far_an_array_was_says_nothing_of_the_next(tmp_path):
    array_cache.array(tmp_path, "name", SHAPE, rows)
    entry = tmp_path / "pictures" / "name"
    (entry / "unfinished-rows").write_text("10")  # a kill came between the array and this
    (entry / "images.npy").unlink()

    def killed(first: int, last: int) -> np.ndarray:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        array_cache.array(tmp_path, "name", SHAPE, killed)
    np.testing.assert_array_equal(array_cache.array(tmp_path, "name", SHAPE, rows), rows(0, 10))


def test_a_preparation_that_is_taken_up_needs_room_for_what_is_missing(
    small_pieces, tmp_path, monkeypatch, caplog
):
    def killed(first: int, last: int) -> np.ndarray:
        if first == 6:
            raise KeyboardInterrupt
        return rows(first, last)

    with pytest.raises(KeyboardInterrupt):
        array_cache.array(tmp_path, "x", SHAPE, killed)
    usage = shutil.disk_usage(tmp_path)
    missing = 4 * 4 * 4 * 3
    for free, is_kept in ((missing - 1, False), (missing, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        caplog.clear()
        found = array_cache.array(tmp_path, "x", SHAPE, rows)
        np.testing.assert_array_equal(found, rows(0, 10))
        assert ("kept in memory only" not in caplog.text) == is_kept


def test_a_disk_that_fills_up_while_it_is_written_ends_nothing(small_pieces, tmp_path, caplog):
    def full_at_four(first: int, last: int) -> np.ndarray:
        if first == 4:  # a file may not become larger from now on, as on a disk without room
            limits.append(resource.getrlimit(resource.RLIMIT_FSIZE))
            resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[0][1]))
        return rows(first, last)

    limits: list[tuple[int, int]] = []
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        found = array_cache.array(tmp_path, "x", SHAPE, full_at_four)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits[0])
        signal.signal(signal.SIGXFSZ, before)
    np.testing.assert_array_equal(found, rows(0, 10))
    assert "kept in memory only" in caplog.text
