"""Where the time of some steps goes: TensorFlow's profile of them, and a table to read at once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from trainer.system import file_system

log = logging.getLogger(__name__)

Train = Callable[[int, int], dict[str, float]]


def profiled(train: Train, first: int, last: int, job_dir: Path) -> Train:
    """The loop's `train`, with a profile of all that happens from step `first` to step `last`.

    The loop must pause at both. The profile goes where TensorBoard looks for it, the table to
    results/profile.txt. A run that is taken up between the two has none.
    """
    running = False

    def watched(step: int, count: int) -> dict[str, float]:
        nonlocal running
        if step == first:
            tf.profiler.experimental.start(str(job_dir / "tensorboard" / "train"))
            running = True
            log.info("profile: from step %d to step %d, which slows them a little", first, last)
        metrics = train(step, count)
        if step + count == last and running:
            tf.profiler.experimental.stop()
            running = False
            _write_table(job_dir, last - first)
        elif step + count == last:
            log.warning("no profile: the run was taken up after step %d", first)
        return metrics

    return watched


def _write_table(job_dir: Path, steps: int) -> None:
    newest = max((job_dir / "tensorboard" / "train").rglob("*.xplane.pb"), key=_time_of)
    table = _table(xplane_pb2.XSpace.FromString(newest.read_bytes()), steps)
    path = job_dir / "results" / "profile.txt"
    file_system.write_text(path, table)
    log.info("profile: %s, and in TensorBoard with its plugin for profiles", path)


def _time_of(path: Path) -> float:
    return path.stat().st_mtime


def _table(space: xplane_pb2.XSpace, steps: int) -> str:
    """Milliseconds a step by kind of operation, over all threads, largest first."""
    seconds: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                # Operations are name:kind; what else is in a trace has other colons.
                name, _, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if name and not name.endswith(":") and not kind.startswith(" "):
                    seconds[kind] += event.duration_ps / 1e12
                    calls[kind] += 1
    total = sum(seconds.values())
    lines = ["wall time on the host's threads, waiting included", ""]
    lines += [f"{'operation':<40} {'ms a step':>10} {'share':>7} {'calls a step':>13}"]
    lines += [
        f"{kind:<40} {1000 * spent / steps:10.3f} {spent / total:7.1%} {calls[kind] / steps:13.1f}"
        for kind, spent in seconds.most_common()
    ]
    return "\n".join(lines) + "\n"
