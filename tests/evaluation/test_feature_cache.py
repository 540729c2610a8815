"""Features of real pictures are computed once, and again where anything of them is another."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from trainer.evaluation import feature_cache
from trainer.evaluation.evaluation_networks import EvaluationNetworks

ROWS = np.arange(1, 5)


class Seen:
    """Networks that count the pictures that they are shown."""

    def __init__(self) -> None:
        self.shown = 0
        self.networks = EvaluationNetworks(self._features, lambda images: images, "digest", None)

    def _features(self, images: np.ndarray) -> np.ndarray:
        self.shown += len(images)
        return images.reshape(len(images), -1).astype(np.float32) / 7


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), np.uint8)


def test_the_same_pictures_are_seen_once(images, tmp_path):
    seen = Seen()
    first, second = (feature_cache.of_rows(seen.networks, images, ROWS, tmp_path) for _ in range(2))
    assert seen.shown == len(ROWS)
    assert first.tobytes() == second.tobytes() == seen.networks.features_of(images, ROWS).tobytes()


@pytest.mark.parametrize("what", ["pictures", "rows", "network", "switch", "threads"])
def test_what_is_another_is_seen_again(what, images, tmp_path, monkeypatch):
    seen = Seen()
    feature_cache.of_rows(seen.networks, images, ROWS, tmp_path)
    networks, rows = seen.networks, ROWS
    if what == "pictures":
        images[3, 0, 0, 0] ^= 1
    elif what == "rows":
        rows = ROWS[::-1]
    elif what == "switch":
        monkeypatch.setenv("DNNL_MAX_CPU_ISA", "AVX2")
    elif what == "threads":
        threading = tf.config.threading
        monkeypatch.setattr(threading, "get_intra_op_parallelism_threads", lambda: 77)
    else:
        networks = dataclasses.replace(networks, features_sha256="another")

    found = feature_cache.of_rows(networks, images, rows, tmp_path)

    assert seen.shown == 2 * len(ROWS)
    assert found.tobytes() == networks.features_of(images, rows).tobytes()


@pytest.mark.parametrize("damage", ["flipped", "cut", "emptied"])
def test_a_damaged_file_is_made_anew(damage, images, tmp_path):
    seen = Seen()
    whole = feature_cache.of_rows(seen.networks, images, ROWS, tmp_path)
    (path,) = tmp_path.rglob("*.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes({"flipped": bytes(content), "cut": content[:100], "emptied": b""}[damage])

    assert feature_cache.of_rows(seen.networks, images, ROWS, tmp_path).tobytes() == whole.tobytes()
    assert seen.shown == 2 * len(ROWS)


def test_where_nothing_can_be_kept_it_is_said(images, tmp_path: Path, caplog):
    caplog.set_level("INFO")
    (tmp_path / "file").write_text("")

    found = feature_cache.of_rows(Seen().networks, images, ROWS, tmp_path / "file")

    assert len(found) == len(ROWS)
    assert "cannot be kept" in caplog.text
