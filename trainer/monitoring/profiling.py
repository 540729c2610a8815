"""Where the time of some steps goes: TensorFlow's profile of them, and a table to read at once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from trainer import run_layout
from trainer.system import file_system

log = logging.getLogger(__name__)

Train = Callable[[int, int], dict[str, float]]

MOST_OF_A_NAME = 100  # characters: templates of kernels have thousands
_GPU = "/device:GPU:"  # of planes
_STREAM = "Stream"  # of lines


def profiled(train: Train, first: int, last: int, job_dir: Path) -> Train:
    """The loop's `train`, with a profile of all that happens from step `first` to step `last`.

    The loop must pause at both. The profile goes where TensorBoard looks for it, the table to
    results/profile.txt. A run that is taken up between the two has none.
    """
    running = False

    def watched(step: int, count: int) -> dict[str, float]:
        nonlocal running
        if step == first:
            tf.profiler.experimental.start(str(job_dir / run_layout.TRAINING_EVENTS))
            running = True
            log.info("profile: from step %d to step %d, which slows them a little", first, last)
        metrics = train(step, count)
        if step + count == last and running:
            tf.profiler.experimental.stop()
            running = False
            _write_table(job_dir, last - first)
        elif step + count == last:
            log.warning("no profile: the run was resumed after step %d", first)
        return metrics

    return watched


def _write_table(job_dir: Path, steps: int) -> None:
    newest = max((job_dir / run_layout.TRAINING_EVENTS).rglob("*.xplane.pb"), key=_time_of)
    table = _table(xplane_pb2.XSpace.FromString(newest.read_bytes()), steps)
    path = job_dir / run_layout.PROFILE
    file_system.write_text(path, table)
    log.info("profile: %s, and in TensorBoard with its profile plugin", path)


def _time_of(path: Path) -> float:
    return path.stat().st_mtime


def _table(space: xplane_pb2.XSpace, steps: int) -> str:
    """Of each GPU the kernels, and of the host the operations, largest first."""
    gpus = [plane for plane in space.planes if plane.name.startswith(_GPU)]
    tables = [_kernels(plane, steps) for plane in gpus]
    return "\n".join([*tables, _operations(space, steps)])


def _kernels(plane: xplane_pb2.XPlane, steps: int) -> str:
    """Milliseconds a step by kernel, and the share of the time in which the device is idle."""
    spent = _Spent()
    intervals = []
    for line in plane.lines:
        if not line.name.startswith(_STREAM):  # others show the same time by other names
            continue
        for event in line.events:
            spent.add(plane.event_metadata[event.metadata_id].name, event.duration_ps)
            start = 1000 * line.timestamp_ns + event.offset_ps
            intervals.append((start, start + event.duration_ps))
    busy = _covered(intervals)
    whole = max((end for _, end in intervals), default=0) - min(intervals, default=(0, 0))[0]
    idle = 1 - busy / whole if whole else 1.0
    title = f"time on {plane.name}, which is idle for {idle:.1%} of it"
    return spent.table(title, "kernel", steps)


def _covered(intervals: list[tuple[int, int]]) -> int:
    """The length of the union: streams overlap."""
    total, until = 0, 0
    for start, end in sorted(intervals):
        total += max(0, end - max(start, until))
        until = max(until, end)
    return total


def _operations(space: xplane_pb2.XSpace, steps: int) -> str:
    """Milliseconds a step by kind of operation, over all threads of the host."""
    spent = _Spent()
    for plane in space.planes:
        if plane.name.startswith(_GPU):
            continue
        for line in plane.lines:
            for event in line.events:
                # Operations are name:kind; what else is in a trace has other colons.
                name, _, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if name and not name.endswith(":") and not kind.startswith(" "):
                    spent.add(kind, event.duration_ps)
    return spent.table("wall time on the host's threads, waiting included", "operation", steps)


class _Spent:
    """Time and calls by name."""

    def __init__(self) -> None:
        self._picoseconds: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()

    def add(self, name: str, picoseconds: int) -> None:
        """Counts a call."""
        self._picoseconds[name] += picoseconds
        self._calls[name] += 1

    def table(self, title: str, what: str, steps: int) -> str:
        """Milliseconds a step, largest first."""
        total = max(1, sum(self._picoseconds.values()))
        lines = [title, "", f"{what:<40} {'ms a step':>10} {'share':>7} {'calls a step':>13}"]
        lines += [
            f"{name[:MOST_OF_A_NAME]:<40} {spent / 1e9 / steps:10.3f} {spent / total:7.1%} "
            f"{self._calls[name] / steps:13.1f}"
            for name, spent in self._picoseconds.most_common()
        ]
        return "\n".join(lines) + "\n"
