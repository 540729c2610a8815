"""Run directories in a bucket: a training leases and sends one, other commands read and add."""

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
from trainer.configuration.choices import LATEST
from trainer.run_layout import CARD, CHECKPOINTS, CONFIG, EVALUATIONS, FEATURES, FINISHED, TEST
from trainer.runs import checkpoint_files
from trainer.runs.checkpoint_files import BEST, NAME, prefix, steps_among
from trainer.system.exits import InterruptedRun

log = logging.getLogger(__name__)

FLAG = "job_dir"
ATTEMPTS = 20  # to replace an object that other processes also write
_CHECKPOINT_PARTS = (
    re.compile(rf"{CHECKPOINTS}/.*\.data-\d+-of-\d+"),
    re.compile(rf"{CHECKPOINTS}/.*\.index"),
    re.compile(rf"{CHECKPOINTS}/checkpoint"),
)
_LAST_SENT = (CONFIG, FINISHED)
_LAST_ADDED = ("saved_model.pb", CARD, EVALUATIONS)


@contextmanager
def leased(url: GsUrl, folder: Path) -> Iterator[Callable[[], None]]:
    """Holds a run directory's lease and makes its local copy.

    Yields:
      A function that sends the copy to the bucket. A kill at any point of it leaves a run that
      can be resumed.

    Raises:
      RefusedError: no such bucket, no permission, or another process writes there.
      InterruptedRun: the storage cannot be reached.
    """
    bucket = Bucket(url, FLAG)
    with lease.hold(bucket) as run_lease:
        mirror = Mirror(bucket, folder)
        mirror.fetch(_without_incomplete_checkpoints)
        yield lambda: _commit(mirror, run_lease)


def fetch(
    url: GsUrl | None, folder: Path, *parts: str, checkpoint: str | None = None, flag: str = FLAG
) -> Mirror | None:
    """Makes a local copy of some files and folders of a run, and takes no lease.

    Args:
      url: of the run directory; None: it lies in the folder, and there is nothing to do.
      folder: of the copy.
      parts: files and folders, relative to both.
      checkpoint: what is needed of them, as `--checkpoint` names it; None: all of the parts.
      flag: that names the run directory, for messages.

    Raises:
      RefusedError: no such bucket, or no permission.
      InterruptedRun: the storage cannot be reached.
    """
    if url is None:
        return None
    mirror = Mirror(Bucket(url, flag), folder)
    fetch_again(mirror, *parts, checkpoint=checkpoint)
    return mirror


def fetch_again(mirror: Mirror, *parts: str, checkpoint: str | None = None) -> None:
    """Updates the copy of these files and folders.

    Raises:
      InterruptedRun: the storage cannot be reached.
    """

    def needed(names: Collection[str]) -> list[str]:
        found = _without_incomplete_checkpoints(names)
        if checkpoint is not None:
            found = _with_one_checkpoint(found, checkpoint)
        return [it for it in found if any(f"{it}/".startswith(f"{part}/") for part in parts)]

    mirror.fetch(needed)


def _with_one_checkpoint(names: Collection[str], choice: str) -> list[str]:
    """All names but those of checkpoints that are not meant.

    Of the newest there are two, and the best, for it may be damaged. Where the choice means none,
    there are all: its refusal names them.
    """
    inner = [name.removeprefix(f"{CHECKPOINTS}/") for name in names]
    best = [name.removeprefix(f"{BEST}/") for name in inner if name.startswith(f"{BEST}/")]
    of_best = [prefix(Path(CHECKPOINTS, BEST), step) for step in steps_among(best)]
    if choice == LATEST:
        meant = [prefix(Path(CHECKPOINTS), step) for step in steps_among(inner)[-2:]] + of_best
    elif choice == BEST:
        meant = of_best
    else:
        of_step = Path(f"{NAME}-{choice}")
        meant = [Path(CHECKPOINTS) / of_step, Path(CHECKPOINTS, BEST) / of_step]
    kept = tuple(f"{each}." for each in meant)
    others = [name for name in names if not name.startswith(f"{CHECKPOINTS}/")]
    of_them = [name for name in names if name.startswith(kept)]
    if not of_them:
        return list(names)
    return [*others, *of_them, *({f"{CHECKPOINTS}/checkpoint"} & {*names})]


def steps(mirror: Mirror | None, job_dir: Path) -> set[int]:
    """The steps of all complete checkpoints of a run, also of those that were not fetched."""
    if mirror is None:
        return set(checkpoint_files.complete(job_dir / CHECKPOINTS))
    return checkpoint_files.complete_among(mirror.names(), f"{CHECKPOINTS}/")


def fetch_from_all(url: GsUrl | None, folder: Path, files: Collection[str]) -> Mirror | None:
    """Makes a local copy of some files of all runs below a folder, likewise.

    Args:
      url: of the folder; None: it is local.
      folder: of the copy.
      files: relative to each run directory.
    """
    if url is None:
        return None
    mirror = Mirror(Bucket(url, "folder"), folder)
    mirror.fetch(
        lambda names: [name for name in names if any(f"/{name}".endswith(f"/{it}") for it in files)]
    )
    return mirror


def add(mirror: Mirror | None) -> None:
    """Sends the files that were written into a copy made by `fetch`; without one there are none.

    A SavedModel's graph comes after its weights. Results come last: who reads one takes what it
    stands for as there, and measures it no more.

    Raises:
      RefusedError: no permission.
      InterruptedRun: the storage cannot be reached.
    """
    if mirror is None:
        return
    for name in sorted(mirror.changed(), key=_add_order):
        _with_retries(mirror, None, name, mirror.send)


def _commit(mirror: Mirror, run_lease: Lease) -> None:
    """Sends the copy in the order in which a run writes its files.

    Deleted files are removed first, as they are locally: the mark of a finished run must not
    outlast its records. Then come the records, a checkpoint's data, its index, TensorFlow's list of
    checkpoints, a new run's configuration, and the mark of a finished one. Old checkpoints are
    removed last, index before data.
    """
    deleted = mirror.deleted()
    # A cleaner of temporary folders must not delete files in the bucket.
    if CONFIG in deleted:
        raise InterruptedRun(f"files in {mirror.folder.parent} were removed: run the command again")
    old_checkpoints = [name for name in deleted if name.startswith(f"{CHECKPOINTS}/")]
    for name in sorted(set(deleted) - set(old_checkpoints)):
        _with_retries(mirror, run_lease, name, mirror.remove)
    for name in sorted(mirror.changed(), key=_send_order):
        _with_retries(mirror, run_lease, name, mirror.send)
    for name in sorted(old_checkpoints, key=_send_order, reverse=True):
        _with_retries(mirror, run_lease, name, mirror.remove)


def _add_order(name: str) -> int:
    last = name.split("/")[-1]
    return _LAST_ADDED.index(last) + 1 if last in _LAST_ADDED else 0


def _send_order(name: str) -> int:
    for position, pattern in enumerate(_CHECKPOINT_PARTS, start=1):
        if pattern.fullmatch(name):
            return position
    return _LAST_SENT.index(name) + len(_CHECKPOINT_PARTS) + 1 if name in _LAST_SENT else 0


def _with_retries(
    mirror: Mirror, run_lease: Lease | None, name: str, send_or_remove: Callable[[str], None]
) -> None:
    """Sends or removes an object, and tries again if another process has written it meanwhile.

    Evaluations are merged with those of the other process. Networks of evaluations are the other's
    from then on, for all must measure with the same. Other objects are replaced.

    Args:
      mirror: the copy.
      run_lease: of a training, checked before each attempt; None: a command without a lease.
      name: of the object.
      send_or_remove: `mirror.send` or `mirror.remove`.

    Raises:
      InterruptedRun: other processes have written it at every attempt.
    """
    for _ in range(ATTEMPTS):
        if run_lease:
            run_lease.confirm()
        try:
            send_or_remove(name)
            return
        except Conflict:
            log.info("%s was also written by another command", mirror.folder / name)
        if run_lease:
            run_lease.renew()
        with contextlib.suppress(Vanished):  # written once more: the next attempt conflicts
            if name.startswith(f"{FEATURES}/") and mirror.take(name):
                return
            mirror.refresh(name)
            if name == EVALUATIONS:
                mirror.merge_lines(name, _prefer_local if run_lease else _prefer_remote)
    raise InterruptedRun(f"{mirror.folder / name} is constantly written by others: run again")


def _prefer_remote(remote: list[bytes], local: list[bytes]) -> Iterable[bytes]:
    """All remote lines, of which a resume may have trimmed some; local ones of `evaluate` only."""
    return [*remote, *filter(_is_by_evaluate, local)]


def _prefer_local(remote: list[bytes], local: list[bytes]) -> Iterable[bytes]:
    """All local lines, of which the run may have trimmed some; remote ones of `evaluate` only."""
    return [*filter(_is_by_evaluate, remote), *local]


def _is_by_evaluate(line: bytes) -> bool:
    try:
        return bool(json.loads(line)["against"] == TEST)
    except (ValueError, TypeError, KeyError, RecursionError):  # incomplete: its writer was killed
        return False


def _without_incomplete_checkpoints(names: Collection[str]) -> list[str]:
    """All names except data of checkpoints without an index, whose upload was killed."""
    data, index, _ = _CHECKPOINT_PARTS
    complete = {name.removesuffix(".index") for name in names if index.fullmatch(name)}
    return [
        name
        for name in names
        if not data.fullmatch(name) or name.rpartition(".data-")[0] in complete
    ]
