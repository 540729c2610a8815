"""The order of examples, pixel values, feeds, and the sources of Fashion-MNIST."""

from __future__ import annotations

import gzip
import logging
import os
import shutil
import threading
import tracemalloc
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tests.conftest import damage_by_flipping
from trainer.configuration import flags
from trainer.data import fashion_mnist, feeding, loading, order, pixels
from trainer.data.datasets import DATASETS
from trainer.system import downloads
from trainer.system.exits import RefusedError


def test_each_epoch_uses_all_examples_once_in_a_different_order():
    first, second = (order.permutation(3, epoch, 1000) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(1000))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    assert not np.array_equal(first, order.permutation(4, 0, 1000))


def test_batches_across_epochs_omit_no_example():
    rows = order.batches(seed=5, examples=10, batch_size=4, first_step=0, steps=5)
    assert rows.shape == (5, 4)
    assert sorted(rows.ravel()[:10]) == sorted(rows.ravel()[10:]) == list(range(10))


def test_the_batch_of_a_step_does_not_depend_on_the_first_step():
    complete = order.batches(seed=5, examples=100, batch_size=32, first_step=0, steps=20)
    parts = [order.batches(5, 100, 32, first, count) for first, count in ((0, 1), (1, 12), (13, 7))]
    np.testing.assert_array_equal(complete, np.concatenate(parts))


@pytest.mark.parametrize("pixel_min", [-1.0, 0.0])
def test_bytes_are_unchanged_after_conversion_to_floats_and_back(pixel_min):
    all_bytes = np.arange(256, dtype=np.uint8)
    floats = pixels.to_floats(all_bytes, pixel_min).numpy()
    assert floats.min() == pixel_min and floats.max() == 1
    np.testing.assert_array_equal(pixels.to_bytes(floats, pixel_min), all_bytes)


def test_floats_out_of_range_are_clipped():
    np.testing.assert_array_equal(pixels.to_bytes(np.array([-1.7, 1.2]), -1.0), [0, 255])


def test_resident_and_streamed_feeds_return_the_same_examples():
    images = np.random.default_rng(0).integers(0, 256, (9, 2, 2, 1), np.uint8)
    labels = np.arange(9)[:, np.newaxis]
    rows = np.array([[8, 0, 8], [1, 2, 3]], np.int32)
    feeds = (
        feeding.Resident(images, labels, ["/cpu:0", "/cpu:1"]),
        feeding.Streamed(images, labels),
    )
    for feed in feeds:
        sent = feed.send(rows)
        signature = zip(feed.signature(3), sent, strict=True)
        assert all(spec.is_compatible_with(part) for spec, part in signature)
        for replica in (0, 1):
            fetched_images, fetched_labels = feed.fetch([part[0] for part in sent], replica)
            np.testing.assert_array_equal(fetched_images, images[rows[0]])
            np.testing.assert_array_equal(fetched_labels, labels[rows[0]])


def test_a_data_set_too_large_for_a_device_is_streamed(monkeypatch):
    images, labels = np.zeros((9, 2, 2, 1), np.uint8), np.zeros(9)
    monkeypatch.setattr(feeding, "RESIDENT_BYTES", 35)
    assert isinstance(feeding.feed(images, labels, ["/cpu:0"]), feeding.Streamed)
    monkeypatch.setattr(feeding, "RESIDENT_BYTES", 36)
    assert isinstance(feeding.feed(images, labels, ["/cpu:0"]), feeding.Resident)


def test_synthetic_images_are_reproducible_and_differ_by_class(tmp_path):
    images, labels = loading.load(DATASETS["synthetic"], "train", tmp_path, tmp_path)
    again, _ = loading.load(DATASETS["synthetic"], "train", tmp_path, tmp_path)
    test_images, _ = loading.load(DATASETS["synthetic"], "test", tmp_path, tmp_path)

    spec = DATASETS["synthetic"]
    assert images.shape == (spec.train_examples, *spec.image_shape) and images.dtype == np.uint8
    np.testing.assert_array_equal(images, again)
    assert not np.array_equal(images[:10], test_images[:10])
    means = np.stack([images[labels[:, 0] == label].mean(axis=0) for label in range(10)])
    nearest = ((images[:200, None].astype(float) - means) ** 2).sum(axis=(2, 3, 4)).argmin(axis=1)
    assert (nearest == labels[:200, 0]).mean() > 0.8


def test_fashion_mnist_has_the_published_sizes_and_classes(data_dir):
    images, labels = loading.load(DATASETS["fashion_mnist"], "train", data_dir, data_dir)
    test_images, test_labels = loading.load(DATASETS["fashion_mnist"], "test", data_dir, data_dir)
    assert images.shape == (60_000, 28, 28, 1) and test_images.shape == (10_000, 28, 28, 1)
    np.testing.assert_array_equal(np.bincount(labels[:, 0]), [6000] * 10)
    np.testing.assert_array_equal(np.bincount(test_labels[:, 0]), [1000] * 10)


@pytest.mark.slow  # the set of `data_dir` comes from such files where there is no download
def test_files_plain_and_compressed_in_the_data_folder_give_the_same_arrays(
    idx_folder, data_dir, tmp_path
):
    for name in fashion_mnist.IDX_SHA256:
        shutil.copy(idx_folder / f"{name}.gz", tmp_path)
    plain = tmp_path / "t10k-labels-idx1-ubyte"
    plain.write_bytes(gzip.decompress((tmp_path / f"{plain.name}.gz").read_bytes()))
    (tmp_path / f"{plain.name}.gz").unlink()

    from_files = fashion_mnist.load("train", tmp_path)

    for found, expected in zip(from_files, fashion_mnist.load("train", data_dir), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_tensorflow_datasets_reads_the_prepared_set(data_dir):
    import tensorflow_datasets as tfds

    loaded = tfds.load("fashion_mnist", data_dir=data_dir, download=False)
    assert {split: len(examples) for split, examples in loaded.items()} == {
        "train": 60_000,
        "test": 10_000,
    }


@pytest.fixture
def copied(data_dir, tmp_path):
    """A data folder with a copy of the prepared set."""
    shutil.copytree(data_dir / "fashion_mnist", tmp_path / "data" / "fashion_mnist")
    return tmp_path / "data"


def test_a_damaged_file_of_decoded_arrays_is_replaced(copied, data_dir):
    damage_by_flipping(copied / "fashion_mnist" / "decoded-3.0.1.npz")

    images, _ = fashion_mnist.load("train", copied)

    np.testing.assert_array_equal(images, fashion_mnist.load("train", data_dir)[0])


def test_a_damaged_prepared_set_is_refused(copied):
    (copied / "fashion_mnist" / "decoded-3.0.1.npz").unlink()
    records = next((copied / "fashion_mnist" / "3.0.1").glob("fashion_mnist-train.*"))
    damage_by_flipping(records)

    with pytest.raises(RefusedError, match="is not Fashion-MNIST"):
        fashion_mnist.load("train", copied)


def truncate(path, other):
    path.write_bytes(path.read_bytes()[:-100])


def swap(path, other):
    shutil.copy(other, path)


def replace_by_html(path, other):
    path.write_text("<html><body>404 Not Found</body></html>")


def remove(path, other):
    path.unlink()


def change_a_pixel(path, other):
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(bytes(content), compresslevel=1))


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        *((truncate, name) for name in fashion_mnist.IDX_SHA256),
        *((damage, "t10k-images-idx3-ubyte") for damage in (swap, replace_by_html, remove)),
        (change_a_pixel, "t10k-images-idx3-ubyte"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(damage, name, idx_folder, tmp_path):
    for file in fashion_mnist.IDX_SHA256:
        shutil.copy(idx_folder / f"{file}.gz", tmp_path)
    names = list(fashion_mnist.IDX_SHA256)
    other = tmp_path / f"{names[names.index(name) - 1]}.gz"
    damage(tmp_path / f"{name}.gz", other)

    with pytest.raises(RefusedError, match=name):
        fashion_mnist.prepare(tmp_path)

    assert not (tmp_path / "fashion_mnist").exists()


def test_no_more_is_decompressed_than_the_true_file_has(idx_folder, tmp_path):
    for file in fashion_mnist.IDX_SHA256:
        shutil.copy(idx_folder / f"{file}.gz", tmp_path)
    bomb = tmp_path / "t10k-images-idx3-ubyte.gz"
    bomb.write_bytes(gzip.compress(bytes(2**26)) * 40)
    tracemalloc.start()
    try:
        with pytest.raises(RefusedError, match="is not Fashion-MNIST's"):
            fashion_mnist.prepare(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**28


def test_a_pipe_in_place_of_a_file_is_not_waited_for(idx_folder, tmp_path):
    for file in fashion_mnist.IDX_SHA256:
        shutil.copy(idx_folder / f"{file}.gz", tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    os.mkfifo(tmp_path / "train-labels-idx1-ubyte.gz")
    with pytest.raises(RefusedError, match=r"train-labels-idx1-ubyte .*is missing"):
        fashion_mnist.prepare(tmp_path)


@pytest.fixture
def no_source(tmp_path, monkeypatch):
    """An empty data folder on a machine without Debian's package and without a network."""
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "absent")
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(downloads, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("no_proxy", "")
    urllib.request.install_opener(None)  # an existing one keeps its proxy
    yield tmp_path / "data"
    urllib.request.install_opener(None)


def test_without_any_source_the_error_names_three_solutions(no_source, caplog):
    with pytest.raises(RefusedError) as error:
        fashion_mnist.load("train", no_source)

    assert caplog.text.count("trying again") == 1
    assert "Three ways out" in str(error.value)  # scripts/train.sh searches for it
    for solution in ("train-images-idx3-ubyte", "dataset-fashion-mnist", "--data_dir"):
        assert solution in str(error.value)


def test_a_failing_network_is_retried_and_a_refusing_server_is_not(no_source, monkeypatch):
    monkeypatch.setattr(downloads, "PATIENCE_SECONDS", 60.0)
    statuses = [503, 503, 404, 200]

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(statuses.pop(0))
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
        with pytest.raises(RefusedError, match=r"cannot be downloaded .*404"):
            fashion_mnist.load("train", no_source)
        proxy.shutdown()

    assert statuses == [200]


def test_the_log_names_the_source(data_dir, idx_folder, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="trainer")
    spec = flags.train(["train", "--job_dir=unused"]).recipe.data
    for split in ("train", "test"):
        loading.load(spec, split, data_dir, tmp_path)
    assert caplog.text.count(f"data: fashion_mnist, prepared in {data_dir}") == 1
    assert fashion_mnist.folder_of_files(tmp_path, idx_folder) == idx_folder
    shutil.copy(idx_folder / "t10k-labels-idx1-ubyte.gz", tmp_path)
    assert fashion_mnist.folder_of_files(tmp_path, None) == tmp_path
