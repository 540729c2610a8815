"""The features of the Fréchet Inception distance as it is published (Heusel et al. 2017,
arXiv:1706.08500): the 2048 values at `pool_3` of the Inception network of 2015-12-05, in the
original TensorFlow file. Other conversions and resizing methods give other values.
"""

from __future__ import annotations

import gzip
import io
import logging
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from trainer.system import downloads, file_system
from trainer.system.exits import InterruptedRun, RefusedError, first_line

log = logging.getLogger(__name__)

# The bucket behind http://download.tensorflow.org, by HTTPS, which authenticates the server: no
# digest of the file is published. Evaluations report the digest of the file that was used.
URL = (
    "https://storage.googleapis.com/download.tensorflow.org/"
    "models/image/imagenet/inception-2015-12-05.tgz"
)
FOLDER = "inception-2015-12-05"
FILE = "classify_image_graph_def.pb"  # of the archive
FEATURES = 2048
BATCH = 50  # fixed, the last one padded: the bits of features depend on the batch size

# Tensors that identify the graph: the preprocessed image (299 x 299, scaled to [-1, 1)) and the
# features.
_TENSOR_SHAPES = {"Mul:0": [299, 299, 3], "pool_3:0": [1, 1, FEATURES]}


def fetch(place: Path, flag: str) -> Path:
    """The path of the published graph in a folder; downloads it (89 MB) if it is absent.

    Args:
      place: a local folder; the file is put into a subfolder.
      flag: by which the folder is named, for messages.

    Raises:
      RefusedError: the server has no such file or another one, or the folder is not writable.
      InterruptedRun: the network fails.
    """
    path = place / FOLDER / FILE
    if path.exists():
        return path
    file_system.make_folder(path.parent, flag)
    log.info("evaluation: downloading Inception from %s", URL)
    by_hand = f"or put {FILE}, which is in {URL}, into {path.parent} by hand"
    try:
        archive = downloads.read(URL)
    except OSError as error:
        what = f"Inception cannot be downloaded ({first_line(error)})"
        if downloads.is_final(error):
            raise RefusedError(f"{what}: make {URL} reachable, {by_hand}") from error
        raise InterruptedRun(f"{what}: run the command again, {by_hand}") from error
    try:
        graph = _extract_graph(archive)
    except (OSError, EOFError, zlib.error, tarfile.TarError, KeyError) as error:
        raise RefusedError(
            f"{URL} did not give the archive of Inception ({first_line(error)}): look for a "
            f"proxy that alters it, {by_hand}"
        ) from error
    file_system.write_atomically(path, lambda temporary: temporary.write_bytes(graph))
    return path


def load(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The network as a function from images to features, on TensorFlow's default device.

    An image takes about 0.1 seconds of a CPU core. Images are resized by the graph itself:
    bilinear, corners not aligned, no half-pixel centres, no antialiasing, as in torch-fidelity's
    TensorFlow-compatible interpolation.

    Args:
      path: the published file.

    Returns:
      A function from uint8 `[N, H, W, C]`, C = 1 or 3, to float32 `[N, 2048]`. A gray image is
      treated as a colour image of three equal channels.

    Raises:
      RefusedError: it is another file.
    """
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        images = tf.compat.v1.placeholder(tf.uint8, [None, None, None, 3])
        pooled = _import_features(path, tf.cast(images, tf.float32))
    # Not a tf.function: the graph contains BatchNormWithGlobalNormalization, which was removed in
    # version 9 of graphs. A session runs a graph in the version of its file; functions always
    # have the newest version, in which the operation fails.
    session = tf.compat.v1.Session(graph=graph)

    def features(batch: np.ndarray) -> np.ndarray:
        padding = [(0, BATCH - len(batch)), (0, 0), (0, 0), (0, 0)]
        rgb = np.broadcast_to(batch, (*batch.shape[:-1], 3))
        values = session.run(pooled, {images: np.pad(rgb, padding)})
        return values.reshape(BATCH, FEATURES)[: len(batch)]

    def features_of_all(all_images: np.ndarray) -> np.ndarray:
        parts = [
            features(all_images[first : first + BATCH])
            for first in range(0, len(all_images), BATCH)
        ]
        return np.concatenate([np.zeros((0, FEATURES), np.float32), *parts])

    return features_of_all


def _extract_graph(archive: bytes) -> bytes:
    """The graph file; the complete archive is decompressed so that its checksum is verified."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive)), mode="r:") as tar:
        member = tar.extractfile(FILE)
        if member is None:
            raise KeyError(f"{FILE} is not a file")
        return member.read()


def _import_features(path: Path, images):
    """The tensor of features `[N, 1, 1, 2048]` of float32 images in [0, 255] `[N, H, W, 3]`.

    The graph is made for one JPEG file: the images replace the decoded file. Up to `pool_3` every
    operation takes a batch; `pool_3/_reshape`, which is commonly used, reshapes to one image.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    graph_def = tf.compat.v1.GraphDef()
    try:
        graph_def.ParseFromString(file_system.regular(path).read_bytes())
        tensors = tf.graph_util.import_graph_def(
            graph_def, {"ExpandDims:0": images}, list(_TENSOR_SHAPES), name="inception"
        )
    except OSError as error:
        raise RefusedError(f"{path} cannot be read ({error.strerror})") from error
    except (DecodeError, ValueError, tf.errors.OpError) as error:
        raise _wrong_graph(path, first_line(error)) from error
    for (name, shape), tensor in zip(_TENSOR_SHAPES.items(), tensors, strict=True):
        if tensor.shape[1:] != shape:
            raise _wrong_graph(path, f"{name} has the shape {tensor.shape}")
    return tensors[-1]


def _wrong_graph(path: Path, why: str) -> RefusedError:
    return RefusedError(
        f"{path} is not {FILE} of {URL} ({why}): remove it to have it downloaded again"
    )
