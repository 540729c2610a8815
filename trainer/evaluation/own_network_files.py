"""Where the weights of a data set's own networks lie, and what identifies them; without TensorFlow.

In the cache, `features/<key>.npz`, by what the data are, and beside a run that was evaluated with
them, so that it can be evaluated in the same way where the cache is another.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
from pathlib import Path

import numpy as np

from trainer.data import array_files
from trainer.data.datasets import DatasetSpec
from trainer.evaluation import kept_arrays
from trainer.run_layout import FEATURES
from trainer.system import file_errors, file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

RECIPE = 2  # of the training: other networks, or another way to train them, raise it
FEATURE_NETWORK, CLASSIFIER = "feature_network", "classifier"
_DIGEST = "sha256"  # the entry of the file that holds the digest of all others

Weights = dict[str, np.ndarray]


def path_in(place: Path, spec: DatasetSpec) -> Path:
    """The file in a folder, by what the networks are trained on, and how."""
    form = (spec.folder.rules, spec.folder.fit, spec.folder.background) if spec.folder else None
    identity = dataclasses.asdict(spec) | {"folder": form, "recipe": RECIPE}
    del identity["test_examples"]  # none of which is looked at
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return place / FEATURES / f"{spec.dataset}-{digest[:16]}.npz"


def find(spec: DatasetSpec, *places: Path) -> Weights | None:
    """The weights of a data set's networks that lie in the first of these folders; or None.

    The last one is a cache: what cannot be read there, as another user's, is as good as not there.

    Raises:
      RefusedError: they are in another one, and cannot be read.
    """
    for place in places:
        try:
            weights = _read(path_in(place, spec))
        except RefusedError as error:
            if place != places[-1]:
                raise
            log.warning("evaluation: networks of the cache are not used: %s", error)
            continue
        if weights is not None:
            return weights
    return None


def keep(spec: DatasetSpec, weights: Weights, *places: Path) -> None:
    """Puts them into those folders in which they are not, and that can be written to."""
    for path in (path_in(place, spec) for place in places):
        if not path.exists():
            _keep(weights, path)


def digests(weights: Weights) -> tuple[str, str | None]:
    """Of the feature network, and of the classifier, if there is one."""
    has_classifier = any(name.startswith(CLASSIFIER) for name in weights)
    of_classifier = _digest(weights, CLASSIFIER) if has_classifier else None
    return _digest(weights, FEATURE_NETWORK), of_classifier


def _keep(weights: Weights, path: Path) -> None:
    """Writes the file, where that can be."""
    digest = np.frombuffer(bytes.fromhex(_digest(weights)), np.uint8)
    if kept_arrays.keep(path, weights | {_DIGEST: digest}):
        log.info("evaluation: the networks are in %s, %.1f MB", path, path.stat().st_size / 1e6)


def _read(path: Path) -> Weights | None:
    """What `_keep` has written; None where there is none, or it is damaged and now removed.

    Raises:
      RefusedError: it is there, and cannot be read.
    """
    try:
        with np.load(file_system.regular(path)) as file:
            weights = {name: file[name] for name in file.files}
        digest = weights.pop(_DIGEST).tobytes().hex()
    except FileNotFoundError:
        return None
    except array_files.DAMAGED:
        digest, weights = "", {}
    except OSError as error:
        said = f"{path} cannot be read ({error.strerror})"
        raise file_errors.refused(error, said, "make it readable") from error
    if weights and _digest(weights) == digest:
        return weights
    log.warning("evaluation: %s is damaged, and made again when needed", path)
    with contextlib.suppress(OSError):  # of a cache that may only be read
        path.unlink(missing_ok=True)
    return None


def _digest(weights: Weights, of: str = "") -> str:
    """The SHA-256 digest of the weights whose names start so."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        if name.startswith(of):
            array = np.ascontiguousarray(weights[name])
            digest.update(f"{name} {array.dtype.str} {array.shape}\0".encode() + array.tobytes())
    return digest.hexdigest()
