"""Features of real pictures, kept in the cache: each evaluation of a data set asks for the same."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import tensorflow as tf

from trainer.data import array_files, reading
from trainer.distribution import environment
from trainer.evaluation import kept_arrays
from trainer.evaluation.evaluation_networks import PREDICTION_BATCH, EvaluationNetworks
from trainer.run_layout import FEATURES
from trainer.system import cores, file_system


def of_rows(
    networks: EvaluationNetworks, images: np.ndarray, rows: np.ndarray, cache_dir: Path
) -> np.ndarray:
    """Features of some of the images, float32 `[len(rows), D]`: those that are kept, or new ones.

    They are found again by the pictures' content, by the network, and by what rounds: versions,
    devices, threads and switches.

    Args:
      networks: what gives the features.
      images: uint8 `[N, height, width, channels]`, perhaps a mapped file.
      rows: of the images.
      cache_dir: the folder of all that is kept; where it cannot be written to, this is said.
    """
    path = cache_dir / FEATURES / f"of-{_digest(networks, images, rows)}.npz"
    found = _read(path)
    if found is None or len(found) != len(rows):
        found = networks.features_of(images, rows)
        kept_arrays.keep(path, {"features": found})
    return found


def _digest(networks: EvaluationNetworks, images: np.ndarray, rows: np.ndarray) -> str:
    threads = tf.config.threading.get_intra_op_parallelism_threads() or cores.available()
    computed_by = f"{environment.what_rounds()} {threads} threads"
    network_sha256 = networks.features_sha256
    digest = hashlib.sha256(f"{network_sha256} {computed_by} {images.shape[1:]}".encode())
    read = reading.reader(images)
    for part in np.array_split(rows, range(PREDICTION_BATCH, len(rows), PREDICTION_BATCH)):
        digest.update(read(part).tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path) -> np.ndarray | None:
    """What was kept; None where there is none that can be read, or it is damaged."""
    try:
        content = io.BytesIO(file_system.regular(path).read_bytes())
        return np.load(content)["features"]
    except (OSError, *array_files.DAMAGED):
        return None
