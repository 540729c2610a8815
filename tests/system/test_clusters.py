"""Several workers train as one, save and leave together, and outlive a lost one by seconds only."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.checks import emulated_bucket
from tests.command import ROOT, Forked, Process, run_forked, start_forked, start_process
from tests.conftest import FEW_REFERENCES, assert_same_bits, train_flags
from tests.training.test_replicas import STEPS, assert_near, metrics_in
from trainer import run_layout
from trainer.distribution import cluster_spec, heartbeats
from trainer.gan.training_step import METRICS
from trainer.runs import checkpoints, evaluations, records
from trainer.system import exits
from trainer.system.exits import RefusedError

RUN_IN_A_BUCKET = f"gs://{emulated_bucket.BUCKET}/run"
GONE_SECONDS = 60  # within which all workers leave when one is lost
SMALL = ["--dataset=synthetic", "--batch_size=12", "--threads=1", "--strategy=multi_worker"]


Worker = Process | Forked


def start(
    job_dir: Path,
    workers: int,
    *more: str,
    absent: int = -1,
    own: str = "",
    without: str | None = None,
    as_processes: bool = False,
    before: Callable[[int, list[str]], str] = lambda index, addresses: "",
) -> list[Worker]:
    """Starts a training by so many workers on this machine; each keeps a log beside `job_dir`.

    Args:
      job_dir: the run directory.
      workers: how many there are.
      more: flags.
      absent: a worker that is not started.
      own: a flag that each gets, followed by its number.
      without: a flag of small trainings that is left out.
      as_processes: whether Python is started anew, as a user does, or forked.
      before: code that a forked worker executes first, by its number and all addresses.
    """
    addresses = free_addresses(workers)
    return [
        start_one(
            job_dir,
            addresses,
            index,
            *more,
            *([own + str(index)] if own else []),
            without=without,
            as_process=as_processes,
            before=before(index, addresses),
        )
        for index in range(workers)
        if index != absent
    ]


def free_addresses(workers: int) -> list[str]:
    """One for each worker, on this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in sockets]
    for server in sockets:
        server.close()
    return addresses


def start_one(
    job_dir: Path,
    addresses: list[str],
    index: int,
    *more: str,
    without: str | None = None,
    as_process: bool = False,
    before: str = "",
) -> Worker:
    """Starts one of the workers at these addresses; it keeps a new log beside `job_dir`."""
    task = {"type": "worker", "index": index}
    tf_config = json.dumps({"cluster": {"worker": addresses}, "task": task})
    flags = train_flags(job_dir, *SMALL, *more)
    flags = [flag for flag in flags if flag.partition("=")[0] != without]
    environ = {**os.environ, "TF_CONFIG": tf_config}
    with open(f"{job_dir}.{index}.log", "w", encoding="utf-8") as kept:
        if as_process:
            return start_process(*flags, env=environ, stderr=kept)
        return start_forked(*flags, environ=environ, stderr=kept, before=before)


def codes(processes: list[Worker], seconds: float = 300) -> list[int]:
    """The exit codes of all."""
    deadline = time.monotonic() + seconds
    try:
        return [process.wait(max(0.1, deadline - time.monotonic())) for process in processes]
    finally:
        for process in processes:
            process.kill()


def log(job_dir: Path, index: int) -> str:
    return Path(f"{job_dir}.{index}.log").read_text(encoding="utf-8")


def wait_for_step(processes: list[Worker], job_dir: Path, step: int) -> None:
    """Returns when this start of the group has recorded that step, or a later one."""
    while "] step " not in log(job_dir, 0) or last_step(job_dir) < step:
        assert all(process.poll() is None for process in processes), log(job_dir, 0)
        time.sleep(0.02)


def last_step(job_dir: Path) -> int:
    return records.last_step(job_dir / "metrics.jsonl")


# With batch normalisation over all workers, and dropout. At the recipe's own rates rounding grows
# to a thousandth within some steps of batches as small as these.
FOLLOWED = ["--preset=dcgan", "--width=8", f"--steps={STEPS}", "--steps_per_loop=1"]
FOLLOWED += ["--generator_learning_rate=3e-5", "--discriminator_learning_rate=3e-5"]
FOLLOWED += ["--evaluation_interval=6", "--evaluation_samples=20"]


def test_workers_follow_the_losses_of_one_process(tmp_path):
    followed, job_dir = tmp_path / "one", tmp_path / "run"
    run_forked(*train_flags(followed, *SMALL[:-1], *FOLLOWED), before=FEW_REFERENCES)

    started = start(job_dir, 3, *FOLLOWED, before=lambda index, addresses: FEW_REFERENCES)
    assert codes(started) == [exits.OK] * 3

    for index in range(3):
        ours = log(job_dir, index)
        assert f"] step {STEPS}/{STEPS}, epoch" in ours and "images/s" in ours
        assert f"complete at step {STEPS}" in ours
    assert_near(metrics_in(job_dir, METRICS), metrics_in(followed, METRICS), 1e-3, 1e-2)
    for ours, alone in zip(
        *(evaluations.read(each, evaluations.TRAIN) for each in (job_dir, followed)), strict=True
    ):
        assert ours["step"] == alone["step"]
        assert ours["classifier_fid"] == pytest.approx(alone["classifier_fid"], rel=1e-2)
    assert ours["step"] == STEPS
    assert (job_dir / "results/final.png").exists()


def test_a_signal_to_one_worker_saves_and_stops_all_at_one_step(tmp_path, monkeypatch):
    with emulated_bucket.started() as storage:
        for name, value in storage.environment.items():
            monkeypatch.setenv(name, value)
        # Only the chief sees the bucket's run; both keep logs here.
        processes = start(tmp_path / "run", 2, "--steps=100000", f"--job_dir={RUN_IN_A_BUCKET}")
        while not all("] step " in log(tmp_path / "run", index) for index in (0, 1)):
            assert all(process.poll() is None for process in processes), log(tmp_path / "run", 0)
            time.sleep(0.05)

        processes[1].terminate()

        assert codes(processes, GONE_SECONDS) == [exits.INTERRUPTED] * 2
        job_dir = storage.copy("run", tmp_path / "sent")
    newest = checkpoints.read_newest(job_dir / "checkpoints")
    assert newest is not None and newest[0] > 0
    assert f"interrupted and saved at step {newest[0]}:" in log(tmp_path / "run", 0)
    assert f"interrupted at step {newest[0]}, which the chief saves:" in log(tmp_path / "run", 1)


def test_a_chief_whose_run_is_complete_needs_no_others(tmp_path):
    """Those of an Indexed Job have ended for good, and it may have been replaced alone."""
    assert codes(start(tmp_path / "run", 2, "--steps=4")) == [exits.OK] * 2
    soon = "from trainer.training import run\nrun.ENDED_SECONDS = 1\n"
    flags = ("--steps=4", "--cluster_timeout=300")
    alone = start(tmp_path / "run", 2, *flags, absent=1, before=lambda index, addresses: soon)
    assert codes(alone, 60) == [exits.OK]
    assert "is complete, and the other workers have ended" in log(tmp_path / "run", 0)


@pytest.mark.slow
def test_a_group_disturbed_again_and_again_ends_with_the_same_bits(tmp_path, request):
    alone, disturbed = tmp_path / "alone", tmp_path / "disturbed"
    flags = ["--steps=60", "--checkpoint_interval=7", "--steps_per_loop=2", "--cluster_timeout=20"]
    assert codes(start(alone, 2, *flags)) == [exits.OK] * 2
    moments = random.Random(1)
    disturbances = request.config.getoption("--disturbances")
    for number in range(disturbances):
        kind = (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)[number % 3]
        processes = start(disturbed, 2, *flags, as_processes=number % 4 == 3)
        if number % 4 == 3:
            time.sleep(moments.uniform(1, 10))  # in start-up
        else:
            wait_for_step(processes, disturbed, 50 * (number + 1) // disturbances)
            time.sleep(moments.uniform(0, 0.3))
        victim = processes.pop(moments.randrange(2))
        victim.send_signal(kind)
        stopped = time.monotonic()
        others = codes(processes, GONE_SECONDS)
        seconds = time.monotonic() - stopped
        victim.send_signal(signal.SIGCONT)
        own = codes([victim], GONE_SECONDS)
        print(f"{kind.name}: {own}, the other {others} after {seconds:.1f} s")
        assert others == [exits.INTERRUPTED]
        assert own == [-signal.SIGKILL if kind == signal.SIGKILL else exits.INTERRUPTED]

    assert codes(start(disturbed, 2, *flags)) == [exits.OK] * 2

    assert "resuming" in log(disturbed, 0)
    ours, theirs = (
        checkpoints.read(checkpoints.prefix(job_dir / "checkpoints", 60))
        for job_dir in (disturbed, alone)
    )
    assert_same_bits(ours, theirs)


def test_a_peer_that_never_appears_is_not_waited_for_longer_than_asked(tmp_path):
    for absent in (0, 1):
        job_dir = tmp_path / str(absent)
        processes = start(job_dir, 2, "--cluster_timeout=2", absent=absent)
        assert codes(processes, GONE_SECONDS) == [exits.INTERRUPTED]
        assert "did not appear within 2 s" in log(job_dir, 1 - absent).splitlines()[-1]


def test_a_chief_that_is_lost_while_it_writes_results_takes_the_others_with_it(tmp_path):
    job_dir = tmp_path / "run"
    flags = ["--steps=40"]
    processes = start(job_dir, 2, *flags)
    while not (job_dir / "models").exists():
        assert processes[0].poll() is None, log(job_dir, 0)
        time.sleep(0.002)

    processes[0].kill()

    assert codes(processes, GONE_SECONDS) == [-signal.SIGKILL, exits.INTERRUPTED]
    assert codes(start(job_dir, 2, *flags)) == [exits.OK] * 2
    assert (job_dir / "results/final.png").exists()


# Once the file is there, all connections that lead to the port are cut, also those made anew.
CUT_OFF = """
import contextlib, os, socket, threading, time
from trainer.distribution import rendezvous
rendezvous.SILENCE_SECONDS = 2.0  # for which a lost worker is waited for

def cut():
    while True:
        time.sleep(0.05)
        for number in os.listdir("/proc/self/fd") if os.path.exists({file!r}) else ():
            with contextlib.suppress(OSError):
                if os.readlink("/proc/self/fd/" + number).startswith("socket:"):
                    with socket.socket(fileno=os.dup(int(number))) as one:
                        if one.getpeername()[1] == {port}:
                            one.shutdown(socket.SHUT_RDWR)

threading.Thread(target=cut, daemon=True).start()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.slow
def test_workers_that_have_lost_only_each_other_leave_to_be_run_again(tmp_path):
    def before(index: int, addresses: list[str]) -> str:
        """Workers 1 and 2 lose each other; both keep the chief."""
        other = addresses[3 - index] if index else addresses[0]
        file = tmp_path / ("cut" if index else "never")
        return CUT_OFF.format(file=str(file), port=other.rpartition(":")[2])

    processes = start(tmp_path / "run", 3, "--steps=100000", before=before)
    wait_for_step(processes, tmp_path / "run", 10)

    (tmp_path / "cut").touch()

    assert codes(processes, GONE_SECONDS) == [exits.INTERRUPTED] * 3
    said = [log(tmp_path / "run", index).splitlines()[-1] for index in range(3)]
    assert any("the connection between two workers is lost" in line for line in said)
    assert not any("Traceback" in log(tmp_path / "run", index) for index in range(3))


@pytest.mark.parametrize(
    ("ending", "left_alone"), [("StoppedByAgreement", True), ("InterruptedRun", False)]
)
def test_only_who_stops_by_agreement_is_not_missed(ending, left_alone):
    addresses = (f"localhost:{free_port()}", "localhost:1")
    meet = (
        "import time\nfrom trainer.distribution import heartbeats\n"
        "from trainer.distribution.cluster_spec import Worker\n"
        "from trainer.system import exits\n"
        f"with heartbeats.connected(Worker({{}}, {addresses}), 60):\n  {{}}"
    )
    chief = meet.format(0, f"raise exits.{ending}('alone')")
    seconds = heartbeats.LINGER_SECONDS + (2 if left_alone else 50)
    worker = meet.format(1, f"time.sleep({seconds})")
    processes = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE)
        for code in (chief, worker)
    ]

    errors = [process.communicate(timeout=60)[1].decode() for process in processes]

    assert ending in errors[0]
    assert processes[1].returncode == (exits.OK if left_alone else exits.INTERRUPTED)
    assert ("lost the chief (its connection has ended)" in errors[1]) != left_alone


def test_a_port_that_another_holds_is_refused(tmp_path):
    with socket.create_server(("", 0)) as other:
        member = cluster_spec.Worker(0, (f"localhost:{other.getsockname()[1]}", "localhost:1"))
        with pytest.raises(RefusedError, match="cannot be used"):
            with heartbeats.connected(member, 60):
                pass


def free_port() -> int:
    with socket.create_server(("", 0)) as free:
        return int(free.getsockname()[1])


def test_workers_plan_the_minutes_of_a_run_together(tmp_path):
    flags = ["--minutes=60", "--evaluation_interval=0", "--checkpoint_interval=100000"]
    processes = start(tmp_path / "run", 2, *flags, without="--steps")
    wait_for_step(processes, tmp_path / "run", 1)
    processes[0].terminate()
    assert codes(processes, GONE_SECONDS) == [exits.INTERRUPTED] * 2

    stored = json.loads((tmp_path / "run" / run_layout.CONFIG).read_text())
    planned = stored["schedule"]["steps"]
    assert planned == stored["horizon"] > 1000
    for index in (0, 1):
        assert f"{planned} steps are planned" in log(tmp_path / "run", index)


def test_minutes_that_leave_no_time_are_refused_by_all_workers(tmp_path):
    flags = ["--minutes=0.05", "--evaluation_interval=0"]
    assert codes(start(tmp_path / "run", 2, *flags, without="--steps")) == [exits.REFUSED] * 2
    for index in (0, 1):
        assert "leaves no time for a step" in log(tmp_path / "run", index).splitlines()[-1]


def test_virtual_devices_are_not_shared_by_workers(tmp_path):
    processes = start(tmp_path / "run", 2, "--strategy=auto", "--virtual_devices=2")
    assert codes(processes) == [exits.REFUSED] * 2
    for index in (0, 1):
        assert "--virtual_devices=2 splits one machine" in log(tmp_path / "run", index)


def test_workers_with_different_flags_are_refused(tmp_path):
    processes = start(tmp_path / "run", 2, own="--seed=")
    assert codes(processes) == [exits.REFUSED] * 2
    for index in (0, 1):
        assert "configuration of worker 1 differs from the chief's" in log(tmp_path / "run", index)


def test_the_watchdog_ends_a_process_that_holds_pythons_lock():
    hangs = (
        "import ctypes\nfrom trainer.system import watchdog\n"
        "with watchdog.time_limit(60, 'early'):\n  pass\n"
        "with watchdog.time_limit(1, 'held up'):\n  ctypes.PyDLL(None).sleep(60)"
    )
    done = subprocess.run(
        [sys.executable, "-c", hangs], cwd=ROOT, timeout=50, capture_output=True, text=True
    )
    assert done.returncode == exits.INTERRUPTED
    assert done.stderr == "fashion-gan: held up\n"


JOB = {
    "JOB_COMPLETION_INDEX": "1",
    "JOB_NAME": "run-a",
    "TF_SUBDOMAIN": "fashion-gan",
    "TF_PORT": "2222",
    "TF_WORKERS": "2",
}


def test_a_job_names_the_workers_by_its_environment():
    member = cluster_spec.this_worker("auto", JOB)
    assert member.addresses == ("run-a-0.fashion-gan:2222", "run-a-1.fashion-gan:2222")
    assert member.index == 1 and not member.is_chief


def test_tf_config_wins_and_its_chief_is_the_first_worker():
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    tf_config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 1}})
    member = cluster_spec.this_worker("multi_worker", {**JOB, "TF_CONFIG": tf_config})
    assert member.addresses == ("a:1", "b:1", "c:1")
    assert member.index == 2


@pytest.mark.parametrize(
    ("strategy", "environ", "reason"),
    [
        ("multi_worker", {}, "finds no cluster"),
        ("mirrored", JOB, "uses one machine"),
        ("auto", {**JOB, "TF_PORT": ""}, "without TF_PORT"),
        ("auto", {**JOB, "JOB_COMPLETION_INDEX": "2"}, "no worker 2 among 2"),
        ("auto", {**JOB, "TF_WORKERS": "two"}, "no worker"),
        ("auto", {"TF_CONFIG": "{"}, "does not describe this worker"),
        ("auto", {"TF_CONFIG": "[]"}, "does not describe this worker"),
        ("auto", {"TF_CONFIG": "[" * 10**5}, "does not describe this worker"),
        (
            "auto",
            {"TF_CONFIG": '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}'},
            "'a' is not host:port",
        ),
        (
            "auto",
            {
                "TF_CONFIG": '{"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, '
                '"task": {"type": "worker", "index": -1}}'
            },
            "there is no worker -1",
        ),
        (
            "auto",
            {
                "TF_CONFIG": '{"cluster": {"worker": ["http://a:2222", "b:2222"]}, '
                '"task": {"type": "worker", "index": 0}}'
            },
            "'http://a:2222' is not host:port",
        ),
        (
            "auto",
            {"TF_CONFIG": '{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}'},
            "chief or worker",
        ),
    ],
)
def test_a_wrong_description_of_the_cluster_is_refused(strategy, environ, reason):
    with pytest.raises(RefusedError, match=reason):
        cluster_spec.this_worker(strategy, environ)
