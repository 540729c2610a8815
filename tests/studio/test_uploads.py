"""Pictures that are sent to the page: bounded, and what is wrong is said in a line."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from trainer.data.datasets import DATASETS
from trainer.studio import uploads
from trainer.system.exits import RefusedError

SPEC = DATASETS["fashion_mnist"]


def test_a_picture_of_any_size_gets_the_form_of_the_runs(tmp_path):
    Image.new("RGB", (90, 50), (255, 0, 0)).save(tmp_path / "a.png")
    read = uploads.read(tmp_path / "a.png", SPEC)
    assert read.shape == (28, 28, 1) and read.dtype == np.uint8


def test_what_was_sent_is_read_once_and_no_other_file_is_touched(tmp_path):
    folder, outside = tmp_path / "sent", tmp_path / "private.png"
    folder.mkdir()
    for path in (outside, folder / "a.png"):
        Image.new("L", (28, 28)).save(path)
    link = folder / "link.png"
    link.symlink_to(outside)
    for other in (outside, folder / ".." / "private.png", link):
        with pytest.raises(RefusedError, match="was not sent to this page"):
            uploads.taken(other, folder, SPEC)
    assert outside.is_file() and link.is_symlink()

    assert uploads.taken(folder / "a.png", folder, SPEC).shape == (28, 28, 1)
    assert not (folder / "a.png").exists()
    with pytest.raises(RefusedError, match="gone: send it again"):  # by another tab at once
        uploads.taken(folder / "a.png", folder, SPEC)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_what_is_no_picture_is_refused_by_its_name_alone(tmp_path, content):
    (tmp_path / "odd.png").write_bytes(content)
    with pytest.raises(RefusedError, match=r"odd\.png") as refused:
        uploads.read(tmp_path / "odd.png", SPEC)
    assert str(tmp_path) not in str(refused.value) and "\n" not in str(refused.value)


def test_a_damaged_picture_is_refused_by_its_name_alone(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RefusedError, match=r"cut\.png") as refused:
        uploads.read(tmp_path / "cut.png", SPEC)
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize("size", [(10_000, 6_000), (20_000, 20_000)])  # the latter alarms Pillow
def test_too_many_pixels_are_refused_before_they_are_decoded(size, tmp_path):
    Image.new("1", size).save(tmp_path / "wide.png")  # some kilobytes
    with pytest.raises(RefusedError, match="more than 50 million pixels"):
        uploads.read(tmp_path / "wide.png", SPEC)


def test_too_many_bytes_are_refused(tmp_path):
    (tmp_path / "big.png").write_bytes(bytes(uploads.MOST_MEGABYTES * 2**20 + 1))
    with pytest.raises(RefusedError, match="larger than 20 MB"):
        uploads.read(tmp_path / "big.png", SPEC)
