"""Peak signal to noise ratios, and means over the pixels that count."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.data.psnr import mean_of_counted, psnr


def test_it_is_of_the_pixels_that_count():
    images = np.zeros((1, 4, 4, 1), np.uint8)
    others = images.copy()
    others[0, 0] = 255
    assert psnr(images, others)[0] == pytest.approx(10 * np.log10(4))
    assert psnr(images, others, others == 0)[0] == pytest.approx(96.26, abs=0.01)
    assert psnr(images, others, others > 0)[0] == pytest.approx(0)


def test_a_mean_is_over_the_pixels_that_count_of_all_channels():
    values = np.arange(8.0).reshape(1, 2, 2, 2)
    counted = np.array([1, 0, 0, 1]).reshape(1, 2, 2, 1)
    assert mean_of_counted(values, counted) == pytest.approx([(0 + 1 + 6 + 7) / 4])


def test_of_many_pictures_few_are_looked_at_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    images, others = rng.integers(0, 256, (2, 9, 4, 4, 3), np.uint8)
    counted = rng.integers(0, 2, (9, 4, 4, 1), np.uint8)
    at_once, of_all = psnr(images, others, counted), psnr(images, others)
    monkeypatch.setattr("trainer.data.psnr._BLOCK_PIXELS", 2 * images[0].size)
    np.testing.assert_array_equal(psnr(images, others, counted), at_once)
    np.testing.assert_array_equal(psnr(images, others), of_all)
    counted[5] = 0
    with pytest.raises(ValueError, match="picture 5 has no pixel"):
        psnr(images, others, counted)


def test_a_picture_of_which_nothing_counts_has_none():
    images = np.zeros((2, 4, 4, 1), np.uint8)
    counted = np.ones_like(images)
    counted[1] = 0
    with pytest.raises(ValueError, match="picture 1 has no pixel that counts"):
        psnr(images, images, counted)
