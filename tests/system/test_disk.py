"""Room for files: the disk's, or what a pod's volume of limited size may still take."""

from __future__ import annotations

import shutil
import tempfile

import pytest

from trainer.system import disk


@pytest.fixture
def limited(tmp_path, monkeypatch):
    """A folder of temporary files that may hold ten kilobytes, and holds a file."""
    temporary = tmp_path / "tmp"
    (temporary / "deep").mkdir(parents=True)
    (temporary / "deep" / "file").write_bytes(bytes(400))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv(disk.LIMIT, "10000")
    return temporary


def test_a_volume_s_limit_counts_within_it_alone(limited):
    taken = disk.BLOCK * (limited / "deep" / "file").stat().st_blocks
    assert disk.free(limited) == disk.free(limited / "deep") == 10000 - taken < 10000
    assert disk.free(limited.parent) > 10**6


def test_the_disk_counts_where_it_has_less(limited, monkeypatch):
    usage = shutil.disk_usage(limited)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5))
    assert disk.free(limited) == 5


def test_more_than_the_limit_leaves_nothing(limited):
    (limited / "more").write_bytes(bytes(20000))
    assert disk.free(limited) == 0


def test_small_files_take_whole_clusters():
    assert disk.taken([1, 4096, 4097]) == 4 * disk.CLUSTER
