"""Groups of real processes on this machine, ever larger: what grows with the number of workers.

    python -m scripts.checks.many_workers OUT [--workers=2,4,8,16]

Each group trains `mlp` on the synthetic set, a thread each: left alone, with a worker killed and
started again (--rejoin), and with all started again. Its tensors are compared with one process's.
Prints a row a group, as JSON, and the table of docs/clusters.md at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from scripts.checks import final_tensors
from trainer.distribution.cluster_spec import Worker
from trainer.runs import records

STEPS = 60
BATCH = 16
PATIENCE_SECONDS = 600
FLAGS = [
    "--preset=mlp",
    "--dataset=synthetic",
    f"--batch_size={BATCH}",
    f"--steps={STEPS}",
    "--checkpoint_interval=10",
    "--steps_per_loop=1",
    "--evaluation_interval=0",
    "--threads=1",
    "--save_interval=1000",
]
LABELS = {
    "workers": "workers",
    "meet": "start to all met, s",
    "form": "TensorFlow's joining, s",
    "first_step": "start to first step, s",
    "rejoin": "kill to next step, --rejoin, s",
    "all_anew": "kill to next step, all anew, s",
    "chief_mb": "chief's memory, MB",
    "worker_mb": "a worker's memory, MB",
    "chief_connections": "chief's TCP connections",
    "worker_connections": "a worker's TCP connections",
    "difference": "largest difference to one process",
}

Process = subprocess.Popen[bytes]


class Group:
    """The workers of a run on this machine, each with a log beside the run directory."""

    def __init__(self, job_dir: Path, workers: int, *more: str) -> None:
        servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
        self._addresses = tuple(f"127.0.0.1:{server.getsockname()[1]}" for server in servers)
        for server in servers:
            server.close()
        self._more = more
        self.job_dir = job_dir
        self.started = time.monotonic()
        self.processes = [self._start(index) for index in range(workers)]

    def _start(self, index: int) -> Process:
        tf_config = Worker(index, self._addresses).tf_config()
        command = ["-m", "trainer", "train", f"--job_dir={self.job_dir}", *FLAGS, *self._more]
        environ = {**os.environ, "TF_CONFIG": tf_config, "PYTHONUNBUFFERED": "1"}
        with open(self._log(index), "wb") as log:
            return subprocess.Popen([sys.executable, *command], stderr=log, env=environ)

    def start_again(self, index: int) -> None:
        """Starts a worker that has ended."""
        self.processes[index].wait()
        self.processes[index] = self._start(index)

    def _log(self, index: int) -> Path:
        return self.job_dir.with_name(f"{self.job_dir.name}.{index}.log")

    def log(self, index: int) -> str:
        """What a worker has said since it was last started."""
        return self._log(index).read_text(errors="replace")

    def wait_for(self, happened: Callable[[], bool], what: str) -> float:
        """Seconds until it has happened; of nothing else may the processes end."""
        started = time.monotonic()
        while not happened():
            if time.monotonic() - started > PATIENCE_SECONDS:
                raise AssertionError(f"{what} takes too long:\n{self.log(0)}")
            time.sleep(0.02)
        return time.monotonic() - started

    def all_say(self, text: str) -> bool:
        """Whether all logs have it."""
        return all(text in self.log(index) for index in range(len(self.processes)))

    def step(self) -> int:
        """The last step that is recorded."""
        return records.last_step(self.job_dir / "metrics.jsonl")

    def codes(self) -> list[int]:
        """All exit codes."""
        return [process.wait(PATIENCE_SECONDS) for process in self.processes]

    def kill(self) -> None:
        """Ends all that are left."""
        for process in self.processes:
            process.kill()
            process.wait()


def memory_mb(process: Process) -> int:
    """The most that the process has had resident, in MB."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1000
    raise AssertionError("no Linux")


def connections(process: Process) -> int:
    """Its established TCP connections."""
    folder = Path(f"/proc/{process.pid}")
    own = set()
    for descriptor in folder.glob("fd/*"):
        target = str(descriptor.readlink())
        if target.startswith("socket:["):
            own.add(target[len("socket:[") : -1])
    lines = [
        line.split()
        for name in ("net/tcp", "net/tcp6")
        for line in (folder / name).read_text().splitlines()[1:]
    ]
    return sum(fields[3] == "01" and fields[9] in own for fields in lines)


def left_alone(job_dir: Path, workers: int) -> dict[str, Any]:
    """How long a group takes to begin, and what it holds while it trains."""
    group = Group(job_dir, workers)
    try:
        group.wait_for(lambda: group.all_say("worker "), "starting")
        group.wait_for(lambda: group.all_say("all workers are there"), "meeting")
        met = time.monotonic() - group.started
        form = group.wait_for(lambda: group.all_say("devices: "), "joining")
        group.wait_for(lambda: group.step() >= 1, "the first step")
        first_step = time.monotonic() - group.started
        group.wait_for(lambda: group.step() >= STEPS // 2, "training")
        chief, *others = group.processes
        found = {
            "workers": workers,
            "meet": round(met, 1),
            "form": round(form, 1),
            "first_step": round(first_step, 1),
            "chief_mb": memory_mb(chief),
            "worker_mb": max(map(memory_mb, others)),
            "chief_connections": connections(chief),
            "worker_connections": max(map(connections, others)),
        }
        assert group.codes() == [0] * workers, group.log(0)
        return found
    finally:
        group.kill()


def disturbed(job_dir: Path, workers: int, rejoin: bool) -> float:
    """Seconds from the kill of the last worker in mid-run to the next new step."""
    group = Group(job_dir, workers, *(["--rejoin=3"] if rejoin else []), "--cluster_timeout=300")
    try:
        group.wait_for(lambda: group.step() >= STEPS // 3, "training")
        group.processes[-1].send_signal(signal.SIGKILL)
        killed = time.monotonic()
        before = group.step()
        if rejoin:
            group.start_again(workers - 1)
        else:
            for index in range(workers):
                group.processes[index].wait(PATIENCE_SECONDS)
            for index in range(workers):
                group.start_again(index)
        group.wait_for(
            lambda: "resuming" in group.log(0) and group.step() > before, "the next step"
        )
        seconds = time.monotonic() - killed
        assert group.codes() == [0] * workers, group.log(0)
        return round(seconds, 1)
    finally:
        group.kill()


def row(out: Path, workers: int, one: dict[str, np.ndarray]) -> dict[str, Any]:
    """All that is measured of groups of so many workers."""
    folders = [out / f"{workers}-{name}" for name in ("alone", "rejoin", "anew")]
    found = left_alone(folders[0], workers)
    found["rejoin"] = disturbed(folders[1], workers, rejoin=True)
    found["all_anew"] = disturbed(folders[2], workers, rejoin=False)
    alone, *others = (final_tensors.read(folder, STEPS) for folder in folders)
    for other in others:
        assert not final_tensors.different(alone, other), "other bits"
    differences = [
        np.abs(alone[name].astype(float) - one[name].astype(float)).max(initial=0.0)
        for name in one
        if np.issubdtype(one[name].dtype, np.floating)
    ]
    found["difference"] = float(f"{max(differences):.1g}")
    return found


def main() -> None:
    """Measures, prints, and fails where a group does."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", default="2,4,8,16")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True)
    command = [sys.executable, "-m", "trainer", "train", f"--job_dir={asked.out / 'one'}", *FLAGS]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    one, rows = final_tensors.read(asked.out / "one", STEPS), []
    for workers in map(int, asked.workers.split(",")):
        rows.append(row(asked.out, workers, one))
        print(json.dumps(rows[-1]), flush=True)
    for key, label in LABELS.items():
        print(f"| {label} | " + " | ".join(str(each[key]) for each in rows) + " |")


if __name__ == "__main__":
    main()
