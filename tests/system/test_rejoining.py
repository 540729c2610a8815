"""--rejoin: a worker that has lost another one starts itself anew, under the same process id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.checks import emulated_bucket
from tests.command import ROOT
from tests.conftest import assert_same_bits
from tests.system.test_clusters import (
    GONE_SECONDS,
    Worker,
    codes,
    free_addresses,
    last_step,
    log,
    start,
    start_one,
)
from trainer.configuration import flags
from trainer.runs import checkpoints
from trainer.system import exits
from trainer.system.exits import RefusedError

FLAGS = ["--steps=60", "--checkpoint_interval=7", "--steps_per_loop=2"]


def wait_for(processes: list[Worker], job_dir: Path, step: int) -> None:
    """Returns when the group has recorded that step; nobody may end before."""
    while last_step(job_dir) < step:
        assert all(process.poll() is None for process in processes), log(job_dir, 0)
        time.sleep(0.02)


@pytest.mark.slow
def test_lost_workers_are_replaced_one_by_one_and_the_others_stay(tmp_path):
    alone, disturbed = tmp_path / "alone", tmp_path / "disturbed"
    assert codes(start(alone, 2, *FLAGS)) == [exits.OK] * 2
    addresses, rejoin = free_addresses(2), [*FLAGS, "--rejoin=1"]
    group = [start_one(disturbed, addresses, index, *rejoin) for index in (0, 1)]

    for victim, kind, reason in (
        (0, signal.SIGKILL, "lost the chief (its connection has ended)"),
        (1, signal.SIGTERM, "saved, as another worker was asked to stop"),
    ):
        wait_for(group, disturbed, last_step(disturbed) + 10)
        group[victim].send_signal(kind)
        own = -kind if kind == signal.SIGKILL else exits.INTERRUPTED
        assert group[victim].wait(GONE_SECONDS) == own
        group[victim] = start_one(disturbed, addresses, victim, *rejoin)
        while f"{reason}: starting anew in place, 1 of 1" not in log(disturbed, 1 - victim):
            assert group[1 - victim].poll() is None, log(disturbed, 1 - victim)
            time.sleep(0.02)

    assert codes(group) == [exits.OK] * 2
    assert (disturbed / "restarts").read_text() == "2\n"
    ours, theirs = (
        checkpoints.read(checkpoints.prefix(job_dir / "checkpoints", 60))
        for job_dir in (disturbed, alone)
    )
    assert_same_bits(ours, theirs)


# A worker without TensorFlow: it says when it begins and meets the others, then waits to be ended.
MEMBER = """
import os, signal, sys, time
from trainer.distribution import heartbeats
from trainer.distribution.cluster_spec import Worker
from trainer.system import process_image, reexec, signals
signals.install()
leaked = os.open(os.devnull, os.O_RDONLY)
os.set_inheritable(leaked, True)
print("life", os.getpid(), process_image.restarts_in_a_row(), leaked, flush=True)
{before}
member = Worker({index}, {addresses})
with heartbeats.connected(member, 60, lambda reason: reexec.restart_or_exit(reason, {most})):
    print("met", flush=True)
    {then}
    time.sleep(60)
"""


def member(
    index: int, addresses: list[str], most: int, before: str = "", then: str = ""
) -> subprocess.Popen[str]:
    code = MEMBER.format(index=index, addresses=addresses, most=most, before=before, then=then)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def comes_and_dies(addresses: list[str], index: int = 1) -> None:
    """A worker that ends as soon as all have met."""
    process = member(index, addresses, 0, then="os._exit(1)")
    process.communicate(timeout=GONE_SECONDS)
    assert process.returncode == 1


@pytest.mark.parametrize("most", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_after_so_many_times_without_a_step_it_leaves(most):
    addresses = free_addresses(2)
    chief = member(0, addresses, most)
    for _ in range(most + 1):
        comes_and_dies(addresses)
    output, errors = chief.communicate(timeout=GONE_SECONDS)

    assert chief.returncode == exits.INTERRUPTED
    lives = [line.split()[1:] for line in output.splitlines() if line.startswith("life")]
    assert [life[:2] for life in lives] == [[str(chief.pid), str(n)] for n in range(most + 1)]
    assert len({life[2] for life in lives}) == 1  # what a life leaves open the next one closes
    assert errors.count("starting anew in place") == most
    assert "leaving at once" in errors.splitlines()[-1]


def test_a_step_lets_the_count_begin_again():
    addresses = free_addresses(2)
    chief = member(0, addresses, 1, then="process_image.reset_restarts()")
    for _ in range(3):
        comes_and_dies(addresses)
    while "starting anew in place, 1 of 1" not in (line := chief.stderr.readline()):
        assert line
    chief.terminate()
    output, _ = chief.communicate(timeout=GONE_SECONDS)
    assert chief.returncode == exits.INTERRUPTED
    assert [line.split()[2] for line in output.splitlines()[::2]][:3] == ["0", "1", "1"]


def test_a_signal_on_the_way_to_the_next_life_ends_it():
    addresses = free_addresses(2)
    late = (
        "real = os.execve\n"
        "def execve(*arguments):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    real(*arguments)\n"
        "os.execve = execve"
    )
    chief = member(0, addresses, 5, before=late)
    comes_and_dies(addresses)
    _, errors = chief.communicate(timeout=GONE_SECONDS)
    assert chief.returncode == exits.INTERRUPTED
    assert "starting anew in place, 1 of 5" in errors
    assert "SIGTERM outside the training loop" in errors


def test_a_worker_that_is_frozen_counts_as_lost():
    addresses = free_addresses(2)
    chief = member(0, addresses, 0, before="heartbeats.SILENCE_SECONDS = 2.0")
    worker = member(1, addresses, 0)
    while "met" not in (line := worker.stdout.readline()):
        assert line
    worker.send_signal(signal.SIGSTOP)
    _, errors = chief.communicate(timeout=GONE_SECONDS)
    worker.kill()
    worker.communicate()
    assert chief.returncode == exits.INTERRUPTED
    assert "lost worker 1 (no sign of life for 2 s)" in errors


def test_the_chief_leaves_what_only_informs_when_another_worker_is_asked_to_stop():
    addresses = free_addresses(2)
    measures = "for _ in signals.until_stopped(range(6000)): time.sleep(0.01)"
    chief = member(0, addresses, 0, then=measures)
    saves = "with signals.graceful(): print('can save', flush=True); time.sleep(60)"
    worker = member(1, addresses, 0, then=saves)
    while "can save" not in (line := worker.stdout.readline()):
        assert line
    worker.send_signal(signal.SIGTERM)
    _, errors = chief.communicate(timeout=GONE_SECONDS)
    worker.kill()
    worker.communicate()
    assert "signals.Stopped" in errors.splitlines()[-1], errors


def test_who_waits_knows_who_is_missing():
    addresses = free_addresses(3)
    quick = "from trainer.distribution import rendezvous\nrendezvous.LOG_SECONDS = 0.1\n"
    quick += "import logging\nlogging.basicConfig(level='INFO')"
    chief = member(0, addresses, 0, before=quick)
    worker = member(1, addresses, 0, before=quick)
    for waiting in (chief, worker):
        while "waiting for worker 2\n" not in (line := waiting.stderr.readline()):
            assert line
    worker.kill()  # who has been there and has left is missed again
    worker.communicate()
    while "waiting for worker 1, 2\n" not in (line := chief.stderr.readline()):
        assert line
    chief.kill()
    chief.communicate()


def test_the_watchdog_starts_a_process_anew_that_holds_pythons_lock():
    hangs = (
        "import ctypes, os\nfrom trainer.system import process_image, signals, watchdog\n"
        "signals.install()\nlife = process_image.restarts_in_a_row()\n"
        "print(os.getpid(), life, flush=True)\n"
        "command = None if life else process_image.restart_command()\n"
        "with watchdog.time_limit(1, 'held up', command):\n  ctypes.PyDLL(None).sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", hangs], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    output, _ = process.communicate(timeout=50)
    assert process.returncode == exits.INTERRUPTED
    assert output == f"{process.pid} 0\n{process.pid} 1\n"


def test_a_bucket_s_lease_is_taken_over_from_the_life_before():
    holds = (
        "import logging, time\nfrom trainer.cloud import lease, url\n"
        "from trainer.cloud.bucket import Bucket\n"
        "from trainer.system import process_image, reexec, signals\n"
        "signals.install()\nlogging.basicConfig(level='INFO')\n"
        f"place = url.parse('gs://{emulated_bucket.BUCKET}/run', 'job_dir')\n"
        "with lease.hold(Bucket(place, 'job_dir')):\n"
        "  print('held', process_image.restarts_in_a_row(), flush=True)\n"
        "  reexec.restart_in_place('test', 1)"
    )
    with emulated_bucket.started() as storage:
        done = subprocess.run(
            [sys.executable, "-c", holds],
            cwd=ROOT,
            env={**os.environ, **storage.environment},
            capture_output=True,
            text=True,
            timeout=GONE_SECONDS,
        )
        assert ".lock" not in storage.names("run")
    assert done.returncode == exits.OK, done.stderr
    assert done.stdout == "held 0\nheld 1\n"
    assert "another process" not in done.stderr


def test_fewer_times_than_none_are_refused():
    with pytest.raises(RefusedError, match="rejoin"):
        flags.train(["train", "--job_dir=x", "--rejoin=-1"])
