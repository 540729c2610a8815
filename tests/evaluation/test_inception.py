"""Inception's features, on a small stand-in graph with the published graph's node names."""

from __future__ import annotations

import hashlib
import io
import logging
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from trainer.evaluation import inception
from trainer.system import downloads, file_system
from trainer.system.exits import InterruptedRun, RefusedError

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(0, 0.2, (3, 3, 3, 32)).astype(np.float32)
NORMALISATION = {
    "moving_mean": RNG.normal(0, 0.1, 32).astype(np.float32),
    "moving_variance": RNG.uniform(0.5, 2, 32).astype(np.float32),
    "beta": RNG.normal(0, 0.1, 32).astype(np.float32),
    "gamma": RNG.uniform(0.5, 2, 32).astype(np.float32),
}
EXPANSION = RNG.normal(0, 0.2, (1, 1, 32, 2048)).astype(np.float32)


class GraphBuilder:
    """Builds a graph in the format of TensorFlow in 2015."""

    def __init__(self) -> None:
        self.graph = tf.compat.v1.GraphDef()
        self.graph.versions.producer = 8

    def node(self, name, op, *inputs, **attributes):
        node = self.graph.node.add(name=name, op=op, input=inputs)
        for key, value in {"T": tf.float32, **attributes}.items():
            if value is None:
                continue
            attribute = node.attr[key]
            if isinstance(value, tf.DType):
                attribute.type = value.as_datatype_enum
            elif isinstance(value, list):
                attribute.list.i.extend(value)
            elif isinstance(value, bytes):
                attribute.s = value
            elif isinstance(value, bool):
                attribute.b = value
            else:
                attribute.f = value
        return node

    def constant(self, name, value):
        value = np.asarray(value)
        node = self.node(name, "Const", T=None, dtype=tf.as_dtype(value.dtype))
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))

    def pool(self, name, source, side):
        window = [1, side, side, 1]
        return self.node(name, "AvgPool", source, ksize=window, strides=window, padding=b"VALID")


def stand_in(expansion=EXPANSION) -> bytes:
    """The published graph's nodes up to the first convolution block, and from the last pool on."""
    builder = GraphBuilder()
    builder.constant("DecodeJpeg/contents", b"")
    builder.node("DecodeJpeg", "DecodeJpeg", "DecodeJpeg/contents", T=None)
    builder.node("Cast", "Cast", "DecodeJpeg", T=None, SrcT=tf.uint8, DstT=tf.float32)
    builder.constant("ExpandDims/dim", np.int32(0))
    builder.node("ExpandDims", "ExpandDims", "Cast", "ExpandDims/dim")
    builder.constant("ResizeBilinear/size", np.int32([299, 299]))
    resized = builder.node("ResizeBilinear", "ResizeBilinear", "ExpandDims", "ResizeBilinear/size")
    output_shape = resized.attr["_output_shapes"].list.shape.add()
    output_shape.CopyFrom(tf.TensorShape([1, 299, 299, 3]).as_proto())
    builder.constant("Sub/y", np.float32(128))
    builder.node("Sub", "Sub", "ResizeBilinear", "Sub/y")
    builder.constant("Mul/y", np.float32(1 / 128))
    builder.node("Mul", "Mul", "Sub", "Mul/y")
    builder.constant("conv/conv2d_params", KERNEL)
    builder.node(
        *("conv/Conv2D", "Conv2D", "Mul", "conv/conv2d_params"),
        strides=[1, 2, 2, 1],
        padding=b"VALID",
    )
    for name, values in NORMALISATION.items():
        builder.constant(f"conv/batchnorm/{name}", values)
    builder.node(
        *("conv/batchnorm", "BatchNormWithGlobalNormalization", "conv/Conv2D"),
        *(f"conv/batchnorm/{name}" for name in NORMALISATION),
        variance_epsilon=0.001,
        scale_after_normalization=True,
    )
    builder.node("conv", "Relu", "conv/batchnorm")
    builder.pool("pool", "conv", 18)
    builder.constant("mixed_10/conv/conv2d_params", expansion)
    builder.node(
        *("mixed_10/join", "Conv2D", "pool", "mixed_10/conv/conv2d_params"),
        strides=[1, 1, 1, 1],
        padding=b"VALID",
    )
    builder.pool("pool_3", "mixed_10/join", 8)
    builder.constant("pool_3/_reshape/shape", np.int32([1, expansion.shape[-1]]))
    builder.node("pool_3/_reshape", "Reshape", "pool_3", "pool_3/_reshape/shape")
    return builder.graph.SerializeToString()


def resized(images: np.ndarray) -> np.ndarray:
    """Bilinear to 299 x 299: output pixel i is at i * size / 299 of the input."""
    for axis in (1, 2):
        size = images.shape[axis]
        positions = np.arange(299) * (size / 299)
        lower = np.floor(positions).astype(int)
        upper = np.minimum(lower + 1, size - 1)
        weights = np.expand_dims(positions - lower, (1, 2) if axis == 1 else 1)
        lower_values, upper_values = images.take(lower, axis), images.take(upper, axis)
        images = lower_values + (upper_values - lower_values) * weights
    return images


def expected(images: np.ndarray) -> np.ndarray:
    """The stand-in's formula in NumPy, in float64."""
    scaled = (resized(images.astype(float)) - 128) / 128
    windows = np.lib.stride_tricks.sliding_window_view(scaled, (3, 3), (1, 2))[:, ::2, ::2]
    convolved = np.einsum("nhwcij,ijco->nhwo", windows, KERNEL, optimize=True)
    deviations = convolved - NORMALISATION["moving_mean"]
    normalised = deviations / np.sqrt(NORMALISATION["moving_variance"] + 0.001)
    rectified = np.maximum(0, normalised * NORMALISATION["gamma"] + NORMALISATION["beta"])
    return rectified[:, :144, :144].mean(axis=(1, 2)) @ EXPANSION[0, 0].astype(float)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / inception.FILE
    path.write_bytes(stand_in())
    return inception.load(path)


def random_images(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(3, 28, 28, 3), (2, 41, 320, 3)])
def test_features_agree_with_numpy_s_legacy_resize_and_graph(features, shape):
    images = random_images(*shape)
    actual = features(images)
    assert actual.shape == (len(images), 2048) and actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected(images), rtol=1e-4, atol=1e-5)


def test_an_image_s_features_do_not_depend_on_other_images(features):
    images = random_images(inception.BATCH + 3, 9, 9, 3)
    of_all = features(images)
    assert len(np.unique(of_all, axis=0)) == len(images)
    for part in (slice(0, 1), slice(7, 8), slice(10, 30), slice(inception.BATCH, None)):
        np.testing.assert_allclose(features(images[part]), of_all[part], rtol=1e-6, atol=1e-6)
    assert features(images[:0]).shape == (0, 2048)


def test_a_gray_image_equals_a_colour_image_of_equal_channels(features):
    gray = random_images(2, 28, 28, 1)
    np.testing.assert_array_equal(features(gray), features(gray.repeat(3, axis=-1)))


@pytest.mark.parametrize(
    "content",
    [
        b"<html>404</html>",
        b"",
        stand_in()[:-100],
        stand_in().replace(b"pool_3", b"pool_4"),
        stand_in().replace(b"ExpandDims", b"ExpandedTo"),
        stand_in(EXPANSION[..., :1001]),
    ],
    ids=["html", "empty", "cut off", "no pool_3", "no ExpandDims", "other features"],
)
def test_another_graph_is_refused_with_one_line(content, tmp_path):
    path = tmp_path / "graph.pb"
    path.write_bytes(content)
    with pytest.raises(RefusedError, match=r"graph.pb is not classify_image_graph_def.pb") as error:
        inception.load(path)
    assert "\n" not in str(error.value)


def test_an_unreadable_file_is_refused(tmp_path):
    with pytest.raises(RefusedError, match="No such file"):
        inception.load(tmp_path / "absent.pb")


def archive(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("_pb", ".pb"))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


PUBLISHED = archive(LICENSE=b"Apache", classify_image_graph_def_pb=stand_in())


class Answer(BaseHTTPRequestHandler):
    """Sends the server's next answer: a status, a body and a Content-Length."""

    def do_GET(self):
        status, body, length = self.server.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def answers(monkeypatch):
    """The answers of the archive's server, one per request."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(downloads, "PATIENCE_SECONDS", 0.5)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.answers = []
        monkeypatch.setattr(inception, "URL", f"http://127.0.0.1:{server.server_port}/i.tgz")
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.answers
        server.shutdown()


def complete(body: bytes) -> tuple[int, bytes, int]:
    return 200, body, len(body)


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_the_graph_is_downloaded_once_and_only_it_is_kept(answers, tmp_path):
    answers.append(complete(PUBLISHED))

    path = inception.fetch(tmp_path, "data_dir")
    again = inception.fetch(tmp_path, "data_dir")

    assert path == again and not answers
    assert path.read_bytes() == stand_in()
    assert file_system.sha256(path) == hashlib.sha256(stand_in()).hexdigest()
    assert files_in(tmp_path) == ["classify_image_graph_def.pb"]


def test_a_failed_download_is_retried(answers, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="trainer")
    answers += [(503, b"", 0), (200, PUBLISHED[:1000], len(PUBLISHED)), complete(PUBLISHED)]

    path = inception.fetch(tmp_path, "data_dir")

    assert path.read_bytes() == stand_in()
    assert caplog.text.count("trying again") == 1


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "body",
    [b"<html>", PUBLISHED[:-1], flipped(PUBLISHED), archive(LICENSE=b"Apache")],
    ids=["html", "cut off", "damaged", "without the graph"],
)
def test_another_archive_is_refused_and_not_kept(body, answers, tmp_path):
    answers.append(complete(body))
    with pytest.raises(RefusedError, match="did not give the archive of Inception") as error:
        inception.fetch(tmp_path, "data_dir")
    assert f"into {tmp_path / 'inception-2015-12-05'} by hand" in str(error.value)
    assert files_in(tmp_path) == []


def test_a_server_without_the_archive_gets_no_second_request(answers, tmp_path):
    answers += [(404, b"", 0), complete(PUBLISHED)]
    with pytest.raises(RefusedError, match=r"cannot be downloaded .*404.* by hand"):
        inception.fetch(tmp_path, "data_dir")
    assert len(answers) == 1


def test_without_a_network_the_file_can_be_put_there_by_hand(answers, tmp_path, monkeypatch):
    monkeypatch.setattr(inception, "URL", "http://127.0.0.1:9/i.tgz")  # nothing listens there
    with pytest.raises(InterruptedRun, match="run the command again, or put classify_image"):
        inception.fetch(tmp_path, "data_dir")
    assert files_in(tmp_path) == []

    by_hand = tmp_path / "inception-2015-12-05" / "classify_image_graph_def.pb"
    by_hand.write_bytes(stand_in())
    assert inception.fetch(tmp_path, "data_dir") == by_hand
