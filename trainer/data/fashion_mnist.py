"""Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747) through TensorFlow Datasets.

The set is prepared once in the data folder, from the first available source: IDX files in the data
folder, Debian's package, or the download by TensorFlow Datasets. The decoded arrays are stored
beside it. For every source, digests of the content are compared with those of the published set.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import logging
import tempfile
import urllib.parse
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from trainer.data import array_files, prepared
from trainer.data.datasets import Arrays
from trainer.system import activity, downloads, file_errors, file_system
from trainer.system.exits import RefusedError, first_line

log = logging.getLogger(__name__)

NAME = "fashion_mnist"
VERSION = "3.0.1"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

# Of the decompressed IDX files: compression differs between distributions.
IDX_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_MOST_BYTES = 60_000 * 28 * 28 + 1024  # of a decompressed IDX file
# Of images and labels in the order of the prepared set, which is shuffled by a fixed hash.
DECODED_SHA256 = {
    "train": "8bfde16b7397cae90aef4dc90bde627338bae607b481d377084c799d1a312817",
    "test": "0eb01c98b3af234f61cafe3dd2febcf34f6df075d874863a5920428590b27216",
}


def load(split: str, data_dir: Path) -> Arrays:
    """Images and labels; prepares the set first if necessary.

    Args:
      split: `train` or `test`.
      data_dir: the folder of prepared data sets.

    Returns:
      uint8 `[N, 28, 28, 1]` and int64 `[N]`.

    Raises:
      RefusedError: no source can be reached, or the data are not Fashion-MNIST.
      InterruptedRun: the network failed during the download.
    """
    arrays = _read_decoded(split, data_dir)
    return prepare(data_dir)[split] if arrays is None else arrays


def prepare(data_dir: Path, source: Path | None = None) -> dict[str, Arrays]:
    """Creates the prepared set and its decoded arrays in `data_dir`, unless they exist.

    Args:
      data_dir: the folder of prepared data sets.
      source: a folder of the four IDX files, used instead of the default sources.

    Returns:
      Images and labels as in `load`, by split.

    Raises:
      RefusedError, InterruptedRun: as for `load`.
    """
    if not is_prepared(data_dir):
        file_system.make_folder(data_dir, "data_dir")
        with prepared.locked(data_dir):
            if not is_prepared(data_dir):
                _prepare_from(folder_of_files(data_dir, source), data_dir)
    decoded = {split: _read_decoded(split, data_dir) for split in DECODED_SHA256}
    arrays = {split: content for split, content in decoded.items() if content is not None}
    if len(arrays) < len(DECODED_SHA256):
        arrays = _decode(data_dir)
        _write_decoded(arrays, data_dir)
    return arrays


def folder_of_files(data_dir: Path, source: Path | None) -> Path | None:
    """The given folder, or the first that contains any of the four files, or None."""
    if source:
        return source
    for folder in (data_dir, DEBIAN_FOLDER):
        if any(_find_file(folder, name) for name in IDX_SHA256):
            return folder
    return None


def _prepare_from(folder: Path | None, data_dir: Path) -> None:
    if folder is None:
        _download(data_dir)
        return
    activity.now(f"preparing {NAME}")
    log.info("data: preparing %s from the files in %s", NAME, folder)
    contents = {name: _read_verified(folder, name) for name in IDX_SHA256}
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in contents.items():
            Path(scratch, name).write_bytes(content)
        prepared.made_by(_builder_of_files(Path(scratch)), data_dir)


def _find_file(folder: Path, name: str) -> Path | None:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None


def _read_verified(folder: Path, name: str) -> bytes:
    """One of the four files, decompressed, its digest compared with the published one's."""
    path = _find_file(folder, name)
    if path is None:
        raise RefusedError(f"{folder / name} (or .gz) is missing")
    try:
        # No more than the true file has: a few bytes may decompress to more than the memory holds.
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            content = file.read(_MOST_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        said = f"{path} cannot be read ({error})"
        raise file_errors.refused(error, said, "get the file again") from error
    if hashlib.sha256(content).hexdigest() != IDX_SHA256[name]:
        raise RefusedError(f"{path} is not Fashion-MNIST's {name}: get the file again")
    return content


def _builder_of_files(files: Path) -> Callable[..., Any]:
    """The class of TensorFlow Datasets' own builder, changed to read the IDX files of a folder."""
    import tensorflow_datasets as tfds

    class FromFiles(tfds.image_classification.FashionMNIST, skip_registration=True):  # type: ignore[call-arg]
        name = NAME
        pkg_dir_path = tfds.image_classification.FashionMNIST.pkg_dir_path

        def _split_generators(self, dl_manager):
            del dl_manager
            return {
                "train": self._generate_examples(
                    60_000, files / "train-images-idx3-ubyte", files / "train-labels-idx1-ubyte"
                ),
                "test": self._generate_examples(
                    10_000, files / "t10k-images-idx3-ubyte", files / "t10k-labels-idx1-ubyte"
                ),
            }

    return FromFiles


def _download(data_dir: Path) -> None:
    import tensorflow_datasets as tfds

    way_out = (
        f". Three ways out: put its four IDX files ({', '.join(IDX_SHA256)}, plain or .gz) into "
        f"--data_dir={data_dir}; or `apt-get install dataset-fashion-mnist`; or name a "
        f"--data_dir that holds the prepared set {NAME}/{VERSION}"
    )
    builder = tfds.image_classification.FashionMNIST
    first_file = urllib.parse.urljoin(builder.URL, "train-labels-idx1-ubyte.gz")
    with prepared.downloading("Fashion-MNIST", way_out) as settings:
        # Without this check, the download's own retries take minutes where there is no network.
        downloads.check_reachable(first_file)
        prepared.made_by(builder, data_dir, download_config=settings)


def is_prepared(data_dir: Path) -> bool:
    """Whether there is a prepared set. Its content is verified when it is read."""
    try:
        return (data_dir / NAME / VERSION / "dataset_info.json").exists()
    except OSError:  # not a valid path
        return False


def _decode(data_dir: Path) -> dict[str, Arrays]:
    """Reads the prepared set through TensorFlow Datasets, which decodes the images."""
    import tensorflow_datasets as tfds

    arrays = {}
    for split in DECODED_SHA256:
        try:
            content = tfds.as_numpy(
                tfds.load(NAME, split=split, data_dir=data_dir, download=False, batch_size=-1)
            )
        except Exception as error:  # missing or damaged records cause various errors
            raise _damaged(data_dir, first_line(error)) from error
        arrays[split] = (content["image"], content["label"])
        if _digest(*arrays[split]) != DECODED_SHA256[split]:
            raise _damaged(data_dir, f"other contents in {split}")
    return arrays


def _damaged(data_dir: Path, reason: str) -> RefusedError:
    folder = data_dir / NAME / VERSION
    return RefusedError(f"{folder} is not Fashion-MNIST ({reason}): remove it to prepare it again")


def _decoded_file(data_dir: Path) -> Path:
    return data_dir / NAME / f"decoded-{VERSION}.npz"


def _write_decoded(arrays: dict[str, Arrays], data_dir: Path) -> None:
    """Stores the arrays, so that later starts need not decode; skipped in a read-only folder."""
    flat: dict[str, np.ndarray] = {}
    for split, (images, labels) in arrays.items():
        flat |= {f"{split}_images": images, f"{split}_labels": labels}
    try:
        file_system.write_atomically(_decoded_file(data_dir), lambda path: np.savez(path, **flat))  # type: ignore[arg-type]
    except OSError as error:
        log.info("data: decoded arrays are not kept (%s)", error)


def _read_decoded(split: str, data_dir: Path) -> Arrays | None:
    """The stored arrays, or None where they are missing or damaged (they are only a copy)."""
    with contextlib.suppress(OSError, *array_files.DAMAGED):
        with np.load(file_system.regular(_decoded_file(data_dir))) as file:
            arrays = (file[f"{split}_images"], file[f"{split}_labels"])
        if _digest(*arrays) == DECODED_SHA256[split]:
            return arrays
    return None


def _digest(images: np.ndarray, labels: np.ndarray) -> str:
    digest = hashlib.sha256(images.tobytes())
    digest.update(labels.astype(np.int64).tobytes())
    return digest.hexdigest()
