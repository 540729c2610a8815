"""Run directories in a bucket: held and sent by a training, read and added to by other commands."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.cloud import lease
from trainer.cloud.bucket import Bucket
from trainer.cloud.failures import Conflict, Vanished
from trainer.cloud.lease import Lease
from trainer.cloud.mirror import Mirror
from trainer.cloud.url import GsUrl
from trainer.runs.file_names import EVALUATIONS_FILE, TEST
from trainer.system.exits import InterruptedRun

log = logging.getLogger(__name__)

FLAG = "job_dir"
ATTEMPTS = 20  # to replace an object that others replace, too
_CHECKPOINT_PARTS = (
    re.compile(r"checkpoints/.*\.data-\d+-of-\d+"),
    re.compile(r"checkpoints/.*\.index"),
    re.compile(r"checkpoints/checkpoint"),
)
_STARTED = "config.json"


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
    """Sends what was written into the copy of a run that `fetch` has made.

    Raises:
      RefusedError: no permission.
      InterruptedRun: the storage cannot be reached.
    """
    for name in mirror.changed():
        _insist(mirror, None, name, mirror.send)


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


def _insist(mirror: Mirror, ours: Lease | None, name: str, act: Callable[[str], None]) -> None:
    """Replaces also what others have written meanwhile: with our version, or the lines of both.

    Args:
      mirror: the copy.
      ours: a training's lease, without which it does not go on; None: a command beside it.
      name: what is to be sent or removed.
      act: sends or removes it.

    Raises:
      InterruptedRun: others write it all the time.
    """
    for _ in range(ATTEMPTS):
        if ours:
            ours.confirm()
        try:
            act(name)
            return
        except Conflict:
            log.info("%s was written by another command, too", mirror.folder / name)
        if ours:
            ours.renew()
        with contextlib.suppress(Vanished):  # it has changed once more: the next attempt fails
            mirror.look_again(name)
            if name == EVALUATIONS_FILE:
                mirror.unite(name, _kept if ours else _added)
    raise InterruptedRun(f"{mirror.folder / name} is written by others all the time: run again")


def _added(theirs: list[bytes], ours: list[bytes]) -> Iterable[bytes]:
    """What `evaluate` sends: what is there, of which a resume may have cut some, and its own."""
    return [*theirs, *filter(_is_by_evaluate, ours)]


def _kept(theirs: list[bytes], ours: list[bytes]) -> Iterable[bytes]:
    """What a run sends: what `evaluate` has added, and its own, of which it may drop some."""
    return [*filter(_is_by_evaluate, theirs), *ours]


def _is_by_evaluate(line: bytes) -> bool:
    try:
        return bool(json.loads(line)["against"] == TEST)
    except (ValueError, TypeError, KeyError):  # a kill has cut it short
        return False


def _whole_checkpoints(names: Collection[str]) -> Iterable[str]:
    """All but the data of checkpoints without an index: their sending was killed before its end."""
    data, index, _ = _CHECKPOINT_PARTS
    whole = {name.removesuffix(".index") for name in names if index.fullmatch(name)}
    return [
        name for name in names if not data.fullmatch(name) or name.rpartition(".data-")[0] in whole
    ]
