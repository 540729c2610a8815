#!/usr/bin/env python3
"""Trains into an emulated bucket under failures: an extensive and slow check.

    python -m scripts.checks.cloud OUTPUT_DIR [CHECK...]

The checks: `kills`, twenty kill -9 at random requests of a save; `failures`, 503 on a third of
the requests; `outage`, no storage for a minute, first refusing connections, then not responding;
`gone`, no storage until the run gives up; `lease`, a run whose lease another process takes. The
result must be bitwise equal to an undisturbed run on a local disk, and each exit code the
documented one. Prints a line per check; the exit code is 1 if any fails. Needs the tests'
environment.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from scripts.checks import emulated_bucket, final_tensors
from scripts.checks.emulated_bucket import BUCKET, Request, Storage
from trainer.cloud import lease as lease_protocol
from trainer.runs import records
from trainer.system import exits

ROOT = Path(__file__).resolve().parents[2]
STEPS = 400
_MAY_DIFFER = re.compile(r"tfevents|(^|/)\.lock$|^restarts$")  # of a run that was killed, or local
KILLS = 20
OUTAGE_SECONDS = 60


def main(output: Path, names: list[str]) -> int:
    """Runs the checks and returns the number of those that failed."""
    output.mkdir(parents=True)
    reference = output / "reference"
    assert train(str(reference), {}, output / "reference.log").wait() == exits.OK
    failed = 0
    with emulated_bucket.started() as storage:
        os.environ["TMPDIR"] = str(output)
        for name in names:
            storage.answers = lambda request: None
            storage.seen = lambda request: None
            started = time.monotonic()
            reason = CHECKS[name](storage, output / name, reference)
            failed += bool(reason)
            print(f"{name:<9} {time.monotonic() - started:5.0f} s  {reason or 'good'}", flush=True)
    return failed


def kills(storage: Storage, folder: Path, reference: Path) -> str:
    """Kills a run at a random request of a save, before it is forwarded or while it is handled."""
    rng = random.Random(0)
    log = folder.with_suffix(".log")
    objects: list[str] = []
    kill_count = 0
    while kill_count < KILLS:
        process = train(f"gs://{BUCKET}/kills", storage.environment, log)
        fatal_write = rng.randint(1, 12 if kill_count % 4 else 40)

        def kill(request: Request, process=process, fatal_write=fatal_write, writes=[0]) -> None:  # noqa: B006
            if request.method == "GET" or request.object_name.endswith(".lock"):
                return
            writes[0] += 1
            if writes[0] == fatal_write:
                time.sleep(rng.choice([0.0, 0.002, 0.01]))
                process.kill()
                objects.append(request.object_name.removeprefix("kills/"))

        if kill_count % 2:  # before the request is forwarded, else while it is handled
            storage.seen = kill
        else:
            storage.seen = beside(kill)
        code = process.wait()
        if code == exits.OK:
            break
        if code != -signal.SIGKILL:
            return f"left with {code}: see {log}"
        kill_count += 1
    storage.seen = lambda request: None
    if train(f"gs://{BUCKET}/kills", storage.environment, log).wait() != exits.OK:
        return f"does not resume: see {log}"
    resumed = log.read_text().count("resuming")
    print(f"  killed {kill_count} times, at {', '.join(objects)}; {resumed} resumes", flush=True)
    if kill_count < KILLS:
        return f"ended after {kill_count} kills"
    return differs(storage, "kills", folder, reference)


def beside(kill: Callable[[Request], None]) -> Callable[[Request], None]:
    """In a thread of its own, while the request is handled."""
    return lambda request: threading.Thread(target=kill, args=(request,)).start()


def always(answer: int | None) -> Callable[[Request], int | None]:
    """To every request."""
    return lambda request: answer


def until(ended: threading.Event) -> Callable[[Request], object]:
    """Keeps every request back."""
    return lambda request: ended.wait()


def failures(storage: Storage, folder: Path, reference: Path) -> str:
    """A third of all requests get a 503."""
    rng = random.Random(0)
    storage.answers = lambda request: 503 if rng.random() < 1 / 3 else None
    log = folder.with_suffix(".log")
    if code := train(f"gs://{BUCKET}/failures", storage.environment, log).wait():
        return f"left with {code}: see {log}"
    return differs(storage, "failures", folder, reference)


def outage(storage: Storage, folder: Path, reference: Path) -> str:
    """Two outages of a minute: the storage refuses connections, then does not respond."""
    log = folder.with_suffix(".log")
    process = train(f"gs://{BUCKET}/outage", storage.environment, log)
    for step, answer in ((100, 0), (250, None)):
        wait_for(process, partial(has, storage, f"outage/checkpoints/ckpt-{step}.index"))
        ended = threading.Event()
        storage.answers = always(answer)
        storage.seen = until(ended)  # forwarded after the outage
        time.sleep(OUTAGE_SECONDS)
        ended.set()
        storage.answers = lambda request: None
        storage.seen = lambda request: None
    if code := process.wait():
        return f"left with {code}: see {log}"
    if log.read_text().count("the storage is failing") < 2:
        return f"did not meet both outages: see {log}"
    return differs(storage, "outage", folder, reference)


def gone(storage: Storage, folder: Path, reference: Path) -> str:
    """An outage until the run gives up: it exits with 143 within minutes, and resumes later."""
    log = folder.with_suffix(".log")
    process = train(f"gs://{BUCKET}/gone", storage.environment, log)
    wait_for(process, lambda: has(storage, "gone/checkpoints/ckpt-100.index"))
    storage.answers = lambda request: 0
    started = time.monotonic()
    code = process.wait()
    print(f"  left with {code} after {time.monotonic() - started:.0f} s", flush=True)
    started = time.monotonic()
    restarted = train(f"gs://{BUCKET}/gone", storage.environment, log).wait()
    print(f"  a start left with {restarted} after {time.monotonic() - started:.0f} s", flush=True)
    storage.answers = lambda request: None
    process = train(f"gs://{BUCKET}/gone", storage.environment, log)
    wait_for(process, lambda: has(storage, "gone/checkpoints/ckpt-200.index"))
    storage.answers = lambda request: 0
    time.sleep(2)
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    terminated = process.wait()
    print(f"  a signal ended it with {terminated} after {time.monotonic() - started:.0f} s")
    storage.answers = lambda request: None
    if {code, restarted, terminated} != {exits.INTERRUPTED}:
        return f"left with {code}, {restarted} and {terminated}: see {log}"
    if train(f"gs://{BUCKET}/gone", storage.environment, log).wait() != exits.OK:
        return f"does not resume: see {log}"
    return differs(storage, "gone", folder, reference)


def lease(storage: Storage, folder: Path, reference: Path) -> str:
    """Another process takes the lease: the run exits without writing, and resumes later."""
    log = folder.with_suffix(".log")
    process = train(f"gs://{BUCKET}/lease", storage.environment, log)
    wait_for(process, lambda: has(storage, "lease/checkpoints/ckpt-100.index"))
    process.send_signal(signal.SIGSTOP)
    time.sleep(lease_protocol.LEASE_SECONDS + 1)
    other_lease = {"holder": "pid 1 on mars", "process": "", "seconds": 10}
    storage.write("lease/.lock", json.dumps(other_lease).encode())
    first_request = len(storage.requests)
    process.send_signal(signal.SIGCONT)
    code = process.wait()
    written = {r.object_name for r in storage.requests[first_request:] if r.method != "GET"}
    if code != exits.INTERRUPTED or "has been taken over" not in log.read_text():
        return f"left with {code}: see {log}"
    if written - {"lease/.lock"}:
        return f"wrote {written} after its lease was taken"
    if train(f"gs://{BUCKET}/lease", storage.environment, log).wait() != exits.OK:
        return f"does not resume: see {log}"
    return differs(storage, "lease", folder, reference)


CHECKS: dict[str, Callable[[Storage, Path, Path], str]] = {
    function.__name__: function for function in (kills, failures, outage, gone, lease)
}


def train(job_dir: str, environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Starts a training that appends its log to a file."""
    command = [
        *(sys.executable, "-m", "trainer", "train", f"--job_dir={job_dir}", "--preset=mlp"),
        *(f"--steps={STEPS}", "--dataset=synthetic", "--batch_size=8", "--threads=2"),
        *("--checkpoint_interval=10", "--steps_per_loop=5"),
    ]
    with open(log, "a") as file:
        return subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=file, stderr=file
        )


def wait_for(process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    """Waits for a condition while the process runs."""
    while not condition():
        assert process.poll() is None
        time.sleep(0.05)


def has(storage: Storage, name: str) -> bool:
    """Whether an object has been written."""
    return name in storage.sent(name)


def differs(storage: Storage, name: str, folder: Path, reference: Path) -> str:
    """How the run in the bucket differs from the reference; empty if it does not."""
    copy = storage.copy(name, folder)
    if final_tensors.different(*(final_tensors.read(each, STEPS) for each in (copy, reference))):
        return "ends with other bits"
    losses = [
        [(line["step"], line["loss/generator"]) for line in records.read_lines(path)]
        for path in (copy / "metrics.jsonl", reference / "metrics.jsonl")
    ]
    if losses[0] != losses[1]:
        return "has other records"
    names = [
        {path.relative_to(job_dir).as_posix() for path in job_dir.rglob("*") if path.is_file()}
        for job_dir in (copy, reference)
    ]
    extra = {path for path in names[0] ^ names[1] if not _MAY_DIFFER.search(path)}
    if extra:
        return f"has other files: {', '.join(sorted(extra))}"
    if (copy / "results/final.png").read_bytes() != (reference / "results/final.png").read_bytes():
        return "draws another picture"
    if ".lock" in names[0]:
        return "keeps its lease"
    leftovers = [path.name for path in folder.parent.glob("fashion-gan-copies-*")]
    return f"leaves {leftovers} behind" if leftovers else ""


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    raise SystemExit(min(1, main(Path(sys.argv[1]), sys.argv[2:] or list(CHECKS))))
