"""Data sets prepared by TensorFlow Datasets."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import json
import logging
import os
import re
import urllib.error
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trainer.data import decoded_files
from trainer.data.datasets import Arrays, DatasetSpec
from trainer.data.pictures import Form, fitted
from trainer.system import (
    activity,
    downloads,
    file_errors,
    file_system,
    memory_errors,
    unfinished,
)
from trainer.system.exits import InterruptedRun, RefusedError, first_line

log = logging.getLogger(__name__)

_LOCK_TIMEOUT_SECONDS = 3600.0  # while another process prepares the set

_SERVERS = {  # from which TensorFlow Datasets downloads
    "celeb_a": "https://drive.google.com/",
    "cifar10": "https://www.cs.toronto.edu/~kriz/cifar.html",
    "kmnist": "http://codh.rois.ac.jp/kmnist/",
    "mnist": "https://storage.googleapis.com/cvdf-datasets/mnist/",
}


def specify(spec: DatasetSpec, data_dir: Path) -> DatasetSpec:
    """The specification with the counts of the set prepared in `data_dir`, if there is one."""
    folder = _prepared_folder(spec.dataset, data_dir)
    if folder is None:
        return spec
    train_examples, test_examples = _example_counts(folder)
    return replace(spec, train_examples=train_examples, test_examples=test_examples)


def check(spec: DatasetSpec, data_dir: Path) -> None:
    """Checks that the set is prepared in the folder or can be; reads no data."""
    if not is_prepared(spec.dataset, data_dir):
        file_system.check_folder(data_dir, "data_dir")


def load(spec: DatasetSpec, split: str, data_dir: Path) -> Arrays:
    """Images and labels of a split, memory-mapped; prepares the set first if necessary.

    Raises:
      RefusedError: the set cannot be downloaded, or is damaged.
      InterruptedRun: the network failed during the download.
    """
    folder = prepare(spec, data_dir)
    path_prefix = folder.parent / f"decoded-{folder.name}-{spec.image_shape[0]}-{split}"
    count = spec.train_examples if split == "train" else spec.test_examples
    found = decoded_files.load_mapped(path_prefix, count)
    if found is not None:
        return found
    with contextlib.ExitStack() as stack:
        if os.access(data_dir, os.W_OK):  # else nothing is kept, and nobody need wait
            stack.enter_context(locked(data_dir))
        found = decoded_files.load_mapped(path_prefix, count)  # by another process, in the meantime
        return found or _decode(folder, spec, split, path_prefix, count)


def is_prepared(name: str, data_dir: Path) -> bool:
    """Whether there is a prepared set. Its content is verified when it is read."""
    return _prepared_folder(name, data_dir) is not None


def prepare(spec: DatasetSpec, data_dir: Path) -> Path:
    """Downloads the set if it is not prepared.

    Returns:
      The folder of the prepared set.

    Raises:
      RefusedError: it cannot be downloaded.
      InterruptedRun: the network failed during the download.
    """
    folder = _prepared_folder(spec.dataset, data_dir)
    if folder is not None:
        return folder
    file_system.make_folder(data_dir, "data_dir")
    with locked(data_dir):
        return _prepared_folder(spec.dataset, data_dir) or _download(spec.dataset, data_dir)


def locked(data_dir: Path) -> contextlib.AbstractContextManager[object]:
    """Holds the folder of data sets while one is prepared there, or waits for who does."""
    return file_system.locked(data_dir, "data_dir", _LOCK_TIMEOUT_SECONDS, busy=InterruptedRun)


def _prepared_folder(name: str, data_dir: Path) -> Path | None:
    """The folder of the newest prepared version, or None."""
    try:
        folders = [
            path.parent
            for path in (data_dir / name).glob("*/dataset_info.json")
            if re.fullmatch(r"\d+\.\d+\.\d+", path.parent.name)
        ]
    except OSError:  # not a valid path
        return None
    return max(folders, key=lambda path: [int(part) for part in path.name.split(".")], default=None)


def _example_counts(folder: Path) -> list[int]:
    """Numbers of examples of `train` and `test`, as recorded by TensorFlow Datasets."""
    path = folder / "dataset_info.json"
    try:
        splits = json.loads(file_system.read_text(path))["splits"]
        lengths = {split["name"]: sum(map(int, split["shardLengths"])) for split in splits}
        return [lengths["train"], lengths["test"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        said = f"{path} is damaged ({first_line(error)})"
        raise file_errors.refused(error, said, "prepare the set again") from error


@contextlib.contextmanager
def downloading(name: str, way_out: str) -> Iterator[Any]:
    """In which TensorFlow Datasets downloads a set; yields its settings for that.

    Args:
      name: of the set.
      way_out: where else it can come from.

    Raises:
      RefusedError: it cannot be downloaded.
      InterruptedRun: the network failed during the download.
    """
    import tensorflow_datasets as tfds

    activity.now(f"downloading {name}")
    log.info("data: downloading and preparing %s with TensorFlow Datasets", name)
    try:
        yield tfds.download.DownloadConfig(try_download_gcs=False)
    except RefusedError:
        raise
    except Exception as error:  # any error of the network, its proxies or TFDS
        if downloads.was_cut_off(error):
            raise InterruptedRun(
                f"the download of {name} was cut off ({first_line(error)}): run again"
            ) from error
        if passing := file_errors.refusal(error):
            raise passing from error
        raise RefusedError(f"{name} cannot be downloaded ({first_line(error)}){way_out}") from error


def _download(name: str, data_dir: Path) -> Path:
    import tensorflow_datasets as tfds

    way_out = ": name a --data_dir that holds the set as TensorFlow Datasets prepares it"
    with downloading(name, way_out) as settings:
        # Without this check, the download's own retries take minutes where there is no network.
        with contextlib.suppress(urllib.error.HTTPError):  # there is one
            downloads.check_reachable(_SERVERS[name])
        return made_by(functools.partial(tfds.builder, name), data_dir, download_config=settings)


def made_by(make_builder: Callable[..., Any], data_dir: Path, **settings: Any) -> Path:
    """The folder of a set that a builder of TensorFlow Datasets has prepared.

    It prepares in a folder of its own: what a killed process leaves, which may be gigabytes, is
    removed by the next one that comes here, not kept beside it.

    Args:
      make_builder: called with `data_dir`, the folder of data sets.
      data_dir: where the set comes to, of which this process holds the lock.
      **settings: of `download_and_prepare`.

    Raises:
      RefusedError: there is something else in the set's place.
    """
    unfinished.remove_left_over(data_dir)
    with unfinished.beside(data_dir / "set") as scratch, _quiet_tfds():
        builder = make_builder(data_dir=scratch)
        made = Path(builder.data_path)
        folder = data_dir / made.relative_to(scratch)
        if folder.exists():
            raise RefusedError(f"{folder} is not complete: remove it to prepare the set again")
        builder.download_and_prepare(**settings)
        folder.parent.mkdir(parents=True, exist_ok=True)
        made.rename(folder)
    log.info("data: prepared %s", folder)
    return folder


@contextlib.contextmanager
def _quiet_tfds() -> Iterator[None]:
    """Hides what TensorFlow Datasets prints, which names the folder of its own, and its retries."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    retries = logging.getLogger("urllib3.connectionpool")
    level = retries.level
    retries.setLevel(logging.ERROR)  # of several downloads at once; the last error is raised
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        retries.setLevel(level)


def _decode(folder: Path, spec: DatasetSpec, split: str, path_prefix: Path, count: int) -> Arrays:
    """Reads the prepared set through TensorFlow Datasets, which decodes the images."""
    import tensorflow_datasets as tfds

    side, _, channels = spec.image_shape
    form = Form(side, channels, "crop", (0, 0, 0))

    def examples() -> Iterator[tuple[np.ndarray, int]]:
        try:
            builder = tfds.builder_from_directory(str(folder))
            for example in tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False)):
                image = example["image"]
                if image.shape != spec.image_shape:
                    image = fitted(Image.fromarray(image), form)
                yield image, int(example.get("label", 0))
        except Exception as error:  # missing or damaged records cause various errors
            refusal = memory_errors.refusal(error) or file_errors.refusal(error)
            if refusal and os.strerror(errno.ENOENT) not in str(error):  # records are not at fault
                raise refusal from error
            raise RefusedError(
                f"{folder} is damaged ({first_line(error)}): remove it to prepare it again"
            ) from error

    activity.now(f"decoding {count} images of {spec.dataset}, {split}")
    log.info("data: decoding %d images of %s", count, spec.dataset)
    return decoded_files.write(path_prefix, count, spec.image_shape, examples)
