"""Run directories in a bucket: held and sent by a training, read and added to by other commands."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.cloud import lease
from trainer.cloud.bucket import Bucket
from trainer.cloud.failures import Conflict
from trainer.cloud.lease import Lease
from trainer.cloud.mirror import Mirror
from trainer.cloud.url import GsUrl
from trainer.exits import InterruptedRun

log = logging.getLogger(__name__)

FLAG = "job_dir"
_CHECKPOINT_PARTS = (
    re.compile(r"checkpoints/.*\.data-\d+-of-\d+"),
    re.compile(r"checkpoints/.*\.index"),
    re.compile(r"checkpoints/checkpoint"),
)
_STARTED = "config.json"
EVALUATIONS_FILE = "evaluations.jsonl"  # lines by the run itself and by those who measure it


@contextmanager
def held(url: GsUrl, folder: Path) -> Iterator[Callable[[], None]]:
    """Holds a run directory's lease and makes its local copy.

    Yields:
      What sends the copy to the bucket. A kill at any moment of it leaves a run that resumes.

    Raises:
      RefusedError: no such bucket, no permission, or another process writes there.
      InterruptedRun: the storage cannot be reached.
    """
    bucket = Bucket(url, FLAG)
    with lease.held(bucket) as ours:
        mirror = Mirror(bucket, folder)
        mirror.fetch(_whole_checkpoints)
        yield lambda: _commit(mirror, ours)


def fetch(url: GsUrl, folder: Path, *parts: str) -> Mirror:
    """Makes a local copy of some files and folders of a run, and takes no lease.

    Raises:
      RefusedError: no such bucket, or no permission.
      InterruptedRun: the storage cannot be reached.
    """
    mirror = Mirror(Bucket(url, FLAG), folder)
    fetch_again(mirror, *parts)
    return mirror


def fetch_again(mirror: Mirror, *parts: str) -> None:
    """Makes the copy of these files and folders what they are by now.

    Raises:
      InterruptedRun: the storage cannot be reached.
    """
    mirror.fetch(
        lambda names: [
            name
            for name in _whole_checkpoints(names)
            if any(name == part or name.startswith(f"{part}/") for part in parts)
        ]
    )


def add(mirror: Mirror) -> None:
    """Sends what was written into the copy of a run that `fetch` has made."""
    for name in mirror.changed():
        _take_over(mirror, name)  # a picture or a model of before is replaced
        mirror.send(name)


def _take_over(mirror: Mirror, name: str) -> None:
    """Prepares to replace another's version; to a record that both write, ours is added."""
    mirror.look_again(name)
    if name == EVALUATIONS_FILE:
        mirror.unite(name)


def _commit(mirror: Mirror, ours: Lease) -> None:
    """Sends the copy in the order in which a run commits.

    What was trimmed goes first, as it does locally: a mark that the run is finished must not
    outlive it. Then come the records, a checkpoint's data, its index, TensorFlow's record, and
    of a new run its configuration; then old checkpoints are removed, from index to data.
    """
    gone = mirror.gone()
    if (
        _STARTED in gone
    ):  # what removes files from the temporary folder must not do so in the bucket
        raise InterruptedRun(f"files in {mirror.folder.parent} were removed: run the command again")
    old = [name for name in gone if name.startswith("checkpoints/")]
    for name in sorted(set(gone) - set(old)):
        _insist(mirror, ours, name, mirror.remove)
    for name in sorted(mirror.changed(), key=_turn):
        _insist(mirror, ours, name, mirror.send)
    for name in sorted(old, key=_turn, reverse=True):
        _insist(mirror, ours, name, mirror.remove)


def _turn(name: str) -> int:
    for turn, pattern in enumerate(_CHECKPOINT_PARTS, start=1):
        if pattern.fullmatch(name):
            return turn
    return len(_CHECKPOINT_PARTS) + 1 if name == _STARTED else 0


def _insist(mirror: Mirror, ours: Lease, name: str, act: Callable[[str], None]) -> None:
    """Replaces also what a command without the lease has written, as long as the lease is ours."""
    while True:
        ours.confirm()
        try:
            act(name)
            return
        except Conflict:
            ours.renew()
            log.info("%s was written by another command, too", mirror.folder / name)
            _take_over(mirror, name)


def _whole_checkpoints(names: Collection[str]) -> Iterable[str]:
    """All but the data of checkpoints without an index: their sending was killed before its end."""
    data, index, _ = _CHECKPOINT_PARTS
    whole = {name.removesuffix(".index") for name in names if index.fullmatch(name)}
    return [
        name for name in names if not data.fullmatch(name) or name.rpartition(".data-")[0] in whole
    ]
