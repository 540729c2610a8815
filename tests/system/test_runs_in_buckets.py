"""Runs and data in a bucket, against a real emulator behind a network that fails."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.checks import emulated_bucket
from scripts.checks.emulated_bucket import BUCKET, Storage
from tests.command import ROOT, Forked, Process, run_forked, start_forked
from tests.conftest import train_flags
from tests.system.test_kills_at_delicate_moments import short_flags
from tests.system.test_resume import assert_same_run
from trainer import __main__
from trainer.cloud import bucket, lease, lease_holder, url
from trainer.cloud.bucket import Bucket
from trainer.cloud.data_folder import CopiedData
from trainer.system import exits, signals, streams
from trainer.system.exits import InterruptedRun, RefusedError


@pytest.fixture(scope="module")
def shared_storage():
    with emulated_bucket.started() as storage:
        yield storage


@pytest.fixture
def storage(shared_storage, monkeypatch):
    """The storage with nothing going wrong yet, for this process and those that it starts."""
    fresh = Storage("")
    for name in ("answers", "seen"):
        setattr(shared_storage, name, getattr(fresh, name))
    for name, value in shared_storage.environment.items():
        monkeypatch.setenv(name, value)
    shared_storage.requests.clear()
    return shared_storage


@pytest.fixture
def main(monkeypatch):
    """The entry point in this process, which keeps its own signal handlers."""
    monkeypatch.setattr(streams, "install", lambda _: None)
    monkeypatch.setattr(signals, "install", lambda: None)
    monkeypatch.setattr(signals, "ignore", lambda: None)
    return __main__.main


def begin(*arguments: str, before: str = "") -> Forked:
    return start_forked(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, before=before)


def wait_until(process: Process | Forked, text: str) -> str:
    """Returns what the process has shown when the text is among it."""
    assert process.stdout is not None
    shown = ""
    while text not in shown:
        line = process.stdout.readline()
        assert line, shown
        shown += line
    return shown


def wait_for(happened: Callable[[], bool]) -> None:
    """Returns when it has."""
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@dataclasses.dataclass
class Killed:
    """A run that was killed in a save, while a third of all requests failed."""

    job_dir: str
    log: str
    local: Path
    requests: list[emulated_bucket.Request]  # of the last start
    leftovers: list[Path]


@pytest.fixture(scope="module")
def killed(shared_storage, tmp_path_factory):
    storage, folder = shared_storage, tmp_path_factory.mktemp("killed")
    job_dir = f"gs://{BUCKET}/runs/killed"
    storage.answers = lambda request: 503 if request.number % 3 == 0 else None
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**storage.environment, "TMPDIR": str(folder)}.items():
            patch.setenv(name, value)
        process = begin(*short_flags(job_dir))
        storage.seen = lambda request: (
            process.kill() if "ckpt-32.data" in request.object_name else None
        )
        shown = process.communicate()[0]
        assert process.returncode == -signal.SIGKILL, shown
        # The storage may still be at the request when who asked is gone.
        wait_for(lambda: any("ckpt-32" in name for name in storage.names("runs/killed")))
        assert "checkpoints/ckpt-32.index" not in storage.names("runs/killed")
        storage.seen = lambda request: None
        storage.requests.clear()
        log = run_forked(*short_flags(job_dir)).stderr
    yield Killed(
        job_dir,
        log,
        storage.copy("runs/killed", folder / "copy"),
        list(storage.requests),
        list(folder.glob("fashion-gan-*")),
    )


def test_a_run_killed_in_a_save_on_failing_storage_ends_with_a_local_run_s_bits(killed, tmp_path):
    run_forked(*short_flags(tmp_path / "local"))
    assert_same_run(killed.local, tmp_path / "local", steps=40)
    assert f"resuming {killed.job_dir} at step 24" in killed.log


def test_a_run_in_a_bucket_leaves_what_a_local_one_leaves_and_nothing_else(killed):
    names = {path.relative_to(killed.local).as_posix() for path in killed.local.rglob("*.*")}
    events = {name for name in names if "tfevents" in name}
    assert events and names - events == {
        *("config.json", "metrics.jsonl", "models/generator.keras", "models/discriminator.keras"),
        *("models/README.md", "models/samples.png"),
        *(f"results/{name}.png" for name in ("epoch_00000", "final", "loss_curves", "real")),
        *(f"checkpoints/ckpt-{step}.index" for step in (32, 40)),
        *(f"checkpoints/ckpt-{step}.data-00000-of-00001" for step in (32, 40)),
    }
    assert not killed.leftovers  # nor in the temporary folder, kills notwithstanding


def test_a_resume_is_counted_before_it_has_saved_anything(killed):
    sent = [request.object_name for request in killed.requests if request.method == "POST"]
    first_save = next(at for at, name in enumerate(sent) if "/checkpoints/" in name)
    assert "runs/killed/restarts" in sent[:first_save]


def test_event_files_are_sent_with_checkpoints_only(killed):
    sent = [request.object_name for request in killed.requests if request.method == "POST"]
    saves = sum(name.endswith("/checkpoint") for name in sent)
    newest = max(name for name in sent if "tfevents" in name)
    assert sent.count(newest) <= 2 * saves + 1  # each may have failed once


def test_people_read_urls_and_never_the_local_copy_s_path(killed):
    assert f"picture: {killed.job_dir}/results/final.png" in killed.log
    assert f"--logdir={killed.job_dir}/tensorboard" in killed.log
    assert "fashion-gan-copies" not in killed.log
    assert f"generate --job_dir={killed.job_dir} --output=more.png" in killed.log  # a local path


def test_a_run_in_a_bucket_is_sampled_and_plotted(killed, storage, main, tmp_path, capsys):
    done = run_forked(
        "generate", f"--job_dir={killed.job_dir}", f"--output={tmp_path}/a.npz", "--num=3"
    )
    assert np.load(tmp_path / "a.npz")["images"].shape == (3, 28, 28, 1)
    assert "from step 40" in done.stderr
    assert not storage.sent("")  # reading takes no lease and writes nothing

    storage.ask("DELETE", f"/storage/v1/b/{BUCKET}/o/runs%2Fkilled%2Fresults%2Floss_curves.png")
    assert main(["plot", f"--job_dir={killed.job_dir}"]) == exits.OK
    assert capsys.readouterr().out == f"{killed.job_dir}/results/loss_curves.png\n"
    assert storage.sent("") == ["runs/killed/results/loss_curves.png"]


def test_an_export_to_a_bucket_replaces_no_card_of_a_user_s(killed, storage):
    card = "runs/killed/models/README.md"
    ours = storage.read(card)
    for before in (b"mine", ours):
        storage.write(card, before)
        run_forked("export", f"--job_dir={killed.job_dir}", "--format=h5")
        assert storage.read(card) == before


def test_runs_in_a_bucket_are_listed_and_compared(killed, storage, main, capsys):
    storage.write("runs/killed/.lock", b"{}")
    folder = killed.job_dir.rpartition("/")[0]
    for state in ("running or killed", "complete"):
        assert main(["runs", f"--folder={folder}"]) == exits.OK
        (_, row) = capsys.readouterr().out.splitlines()
        assert row.split()[:5] == ["killed", "mlp", "40", "40", "800"] and row.endswith(state)
        assert not [each for each in storage.requests if "metrics.jsonl" in each.object_name]
        storage.ask("DELETE", f"/storage/v1/b/{BUCKET}/o/runs%2Fkilled%2F.lock")
    assert main(["runs", f"--folder={folder}", "--plot"]) == exits.OK
    assert capsys.readouterr().out.splitlines()[-1] == f"{folder}/curves.png"
    assert "curves.png" in storage.names("runs")
    assert main(["runs", f"--folder={folder}/none"]) == exits.REFUSED
    assert f"--folder={folder}/none holds no runs" in capsys.readouterr().err


# Others are waited for: meanwhile it need not train at full speed.
LEISURELY = """
import time
from trainer.training import callbacks
training = callbacks.training
def at_leisure(*arguments, **options):
    train = training(*arguments, **options)
    def trained(step, count):
        time.sleep(0.5)
        return train(step, count)
    return trained
callbacks.training = at_leisure
"""


def test_a_bucket_s_pictures_are_trained_on_while_others_are_kept_away(storage, tmp_path):
    draws = np.random.default_rng(0)
    for number in range(24):
        Image.fromarray(draws.integers(0, 256, (28, 28), np.uint8)).save(tmp_path / "a.png")
        # TensorFlow's unfinished checkpoints end in _temp, too.
        name = f"pictures/low_temp/{number:02}.png"
        storage.write(name, (tmp_path / "a.png").read_bytes())
    flags = train_flags(
        f"gs://{BUCKET}/runs/pictures",
        *("--dataset=image_folder", f"--data_dir=gs://{BUCKET}/pictures", "--image_size=28"),
        *("--steps=1000000", "--checkpoint_interval=100", "--save_interval=1000000"),
    )
    first = begin(*flags, before=LEISURELY)
    try:
        log = wait_until(first, "] step ")
        assert f"24 pictures in gs://{BUCKET}/pictures" in log
        assert len(storage.names("pictures")) == 24  # what is prepared lies in the cache

        refused = run_forked(*flags, code=exits.REFUSED)
        assert f"is being written by another process (pid {first.pid} on" in refused.stderr

        storage.answers = lambda request: 0  # the network is down
        log += wait_until(first, "the storage is failing")
        storage.answers = lambda request: None
        log += wait_until(first, "the storage is responding again")
        first.send_signal(signal.SIGTERM)
        log += first.communicate(timeout=60)[0]
        assert first.returncode == exits.INTERRUPTED
        step = log.split("interrupted and saved at step ")[1].split(":")[0]
        assert f"checkpoints/ckpt-{step}.index" in storage.names("runs/pictures")
        assert ".lock" not in storage.names("runs/pictures")
    finally:
        first.kill()


# Without TensorFlow from here on.


def test_pictures_that_do_not_fit_on_the_disk_are_refused_before_they_are_fetched(
    storage, main, capsys, monkeypatch
):
    for number in range(3):
        storage.write(f"large/{number}.png", bytes(1000))
    disk = shutil.disk_usage("/")._replace(free=2999)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    folder = f"gs://{BUCKET}/large"
    flags = ["--dataset=image_folder", f"--data_dir={folder}", "--dry_run"]
    assert main(["train", "--job_dir=/tmp/none", *flags]) == exits.REFUSED
    assert "set TMPDIR to a folder with more" in capsys.readouterr().err
    assert not [each for each in storage.requests if each.object_name]


def test_what_cannot_work_is_refused_in_one_line(storage, main, capsys, monkeypatch):
    cases = {
        "gs://no-such-bucket/run": "there is no bucket no-such-bucket",
        f"gs://{BUCKET}": "is a whole bucket: name a folder",
        "gs://B/run": "B cannot be a bucket's name",
        "gs:///run": "names no bucket",
        f"gs://{BUCKET}/a//b": "must not contain",
        f"gs://{BUCKET}/[a]": "must not contain",
        "s3://bucket/run": "must be a local path",
    }
    for job_dir, reason in cases.items():
        assert main(["train", f"--job_dir={job_dir}", "--dataset=synthetic"]) == exits.REFUSED
        shown = capsys.readouterr().err
        assert reason in shown and shown.count("\n") == 1, shown
    assert not storage.sent("")


def test_a_bucket_that_is_removed_while_it_is_used_is_refused(storage):
    there = bucket.Bucket(url.GsUrl(BUCKET, "runs"), "job_dir")
    storage.answers = lambda request: 404
    with pytest.raises(exits.RefusedError, match=f"there is no bucket {BUCKET}"):
        there.list()


def test_a_bucket_that_may_only_be_read_is_refused(storage, main, capsys):
    storage.answers = lambda request: None if request.method == "GET" else 403
    flags = ["train", f"--job_dir=gs://{BUCKET}/runs/locked", "--dataset=synthetic"]
    assert main(flags) == exits.REFUSED
    shown = capsys.readouterr().err
    assert "permission denied (does not have storage.objects.create access)" in shown
    assert "roles/storage.objectUser" in shown and shown.count("\n") == 1


def test_a_dry_run_of_a_run_in_a_bucket_compares_it_and_writes_nothing(
    killed, storage, main, capsys
):
    flags = [*short_flags(killed.job_dir), "--seed=1", "--dry_run"]
    assert main(flags) == exits.REFUSED
    shown = capsys.readouterr().err
    assert f"--job_dir={killed.job_dir} holds a run with another recipe" in shown
    assert not storage.sent("")


def test_missing_credentials_are_refused(main, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    assert main(["train", f"--job_dir=gs://{BUCKET}/run", "--dataset=synthetic"]) == exits.REFUSED
    shown = capsys.readouterr().err
    assert "gcloud auth application-default login" in shown and shown.count("\n") == 1


def test_a_new_pod_s_credentials_may_come_late(main, capsys, caplog, monkeypatch, tmp_path):
    key = tmp_path / "key.json"
    content = {"type": "authorized_user", "client_id": "a", "client_secret": "b"}
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setattr(bucket, "PREFLIGHT_SECONDS", 4.0)
    flags = ["train", f"--job_dir=gs://{BUCKET}/run", "--dataset=synthetic"]

    assert main(flags) == exits.REFUSED
    assert "there are no credentials yet: trying again" in caplog.text
    assert "needs credentials" in capsys.readouterr().err

    come = json.dumps(content | {"refresh_token": "c"})
    threading.Timer(0.5, key.write_text, [come]).start()
    assert main(flags) == exits.INTERRUPTED
    assert "the storage cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize("failure", [0, 503])
def test_an_unreachable_storage_is_worth_another_run(failure, storage, main, capsys, monkeypatch):
    monkeypatch.setattr(bucket, "PREFLIGHT_SECONDS", 2.0)
    storage.answers = lambda request: failure
    code = main(["train", f"--job_dir=gs://{BUCKET}/run", "--dataset=synthetic"])
    assert code == exits.INTERRUPTED
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"--job_dir=gs://{BUCKET}/run: the storage cannot be reached" in last


def test_a_storage_that_stays_away_is_given_up(storage):
    connected = Bucket(url.parse(f"gs://{BUCKET}/away", "job_dir"), "job_dir")
    storage.answers = lambda request: 0
    with pytest.raises(InterruptedRun, match="cannot be reached"):
        connected.write("a", b"", 0, retry_for=1.0)
    # All that is tried after a signal fits into the time until the process must be gone.
    assert bucket.RETRY_SECONDS_AFTER_SIGNAL + bucket.TIMEOUT_SECONDS + 10 < signals.GRACE_SECONDS
    assert bucket.PATIENCE_SECONDS > 60 + bucket.MAX_PAUSE_SECONDS


def test_after_a_signal_a_storage_has_its_time_however_long_it_has_failed(storage, monkeypatch):
    connected = Bucket(url.parse(f"gs://{BUCKET}/away", "job_dir"), "job_dir")
    monkeypatch.setattr(bucket, "PATIENCE_SECONDS", 1.0)
    storage.answers = lambda request: 503
    with pytest.raises(InterruptedRun, match="cannot be reached"):
        connected.write("a", b"", 0)
    began = time.monotonic()
    storage.answers = lambda request: 503 if time.monotonic() - began < 3 else None
    monkeypatch.setattr(signals, "stop_requested_at", lambda: began + 0.5)
    connected.write("a", b"", 0)
    monkeypatch.setattr(bucket, "RETRY_SECONDS_AFTER_SIGNAL", 1.0)
    storage.answers = lambda request: 503
    with pytest.raises(InterruptedRun, match="cannot be reached"):
        connected.write("b", b"", 0)


def test_a_line_that_is_slower_than_supposed_gets_more_time(storage, monkeypatch):
    connected = Bucket(url.parse(f"gs://{BUCKET}/slow", "job_dir"), "job_dir")
    monkeypatch.setattr(bucket, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(bucket, "MIN_BYTES_PER_SECOND", 2**21)

    def slow(request: emulated_bucket.Request) -> None:
        if request.method == "POST":
            time.sleep(0.6)

    storage.seen = slow
    connected.write("a", bytes(2**19), 0)  # for which there is .35 s at first


def test_a_commit_sends_what_a_reader_needs_before_what_says_that_it_is_there(killed):
    names = [each.object_name for each in killed.requests if each.method == "POST"]
    order = [name.removeprefix("runs/killed/") for name in names if name]
    kinds = (r"metrics\.jsonl", r"checkpoints/ckpt-\d+\.data", r"checkpoints/ckpt-\d+\.index",
             r"checkpoints/checkpoint$", r"results/final\.png")  # fmt: skip
    last = [max(i for i, name in enumerate(order) if re.match(kind, name)) for kind in kinds]
    assert last == sorted(last), order
    for step in {found[0] for name in order if (found := re.search(r"ckpt-\d+\.", name))}:
        of_step = [name for name in order if step in name]
        assert of_step == sorted(of_step), order  # .data, then .index


def test_a_write_whose_answer_was_lost_is_not_taken_for_another_s(storage):
    connected = Bucket(url.parse(f"gs://{BUCKET}/lost", "job_dir"), "job_dir")
    first = connected.write("a", b"old", 0)
    answers = iter([503])

    def lose_the_answer(request: emulated_bucket.Request) -> int | None:
        if request.method == "POST" and (status := next(answers, None)):
            storage.write("lost/a", b"new")
            return status
        return None

    storage.answers = lose_the_answer
    assert connected.write("a", b"new", first.generation) == connected.find("a")


def test_a_lease_of_another_machine_is_waited_for(storage, caplog):
    place = url.parse(f"gs://{BUCKET}/leases/silent", "job_dir")
    others = {"holder": "pid 7 on mars", "process": "elsewhere pid:[1] 7 1", "seconds": 3}
    storage.write("leases/silent/.lock", json.dumps(others).encode())
    with caplog.at_level("INFO"), lease.hold(Bucket(place, "job_dir")):
        assert json.loads(storage.read("leases/silent/.lock"))["holder"].startswith(
            f"pid {os.getpid()} on"
        )
    assert "(pid 7 on mars): waiting up to 3 s" in caplog.text
    assert reads_before_it_was_taken(storage, "leases/silent/.lock") > 1
    assert not storage.names("leases/silent")


def reads_before_it_was_taken(storage: Storage, lock: str) -> int:
    """How often a lease was read until it was replaced for the first time."""
    methods = [request.method for request in storage.requests if request.object_name == lock]
    return methods.index("POST") // 2  # what there is, and its content


def test_who_may_make_objects_but_not_replace_them_is_refused_and_leaves_no_lease(storage):
    storage.answers = lambda request: (
        403 if request.method == "POST" and len(storage.sent("")) > 1 else None
    )
    place = url.parse(f"gs://{BUCKET}/leases/made", "job_dir")
    with (
        pytest.raises(RefusedError, match="permission denied"),
        lease.hold(Bucket(place, "job_dir")),
    ):
        pass
    assert storage.sent("") == 2 * ["leases/made/.lock"]
    assert not storage.names("leases/made")


HOLDING = """
import sys, time
from trainer.cloud import lease, url
from trainer.cloud.bucket import Bucket
with lease.hold(Bucket(url.parse(sys.argv[1], "job_dir"), "job_dir")):
    print("held", flush=True)
    time.sleep(60)
    print("went on", flush=True)
"""


def test_who_loses_the_lease_leaves_at_once(storage):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDING, f"gs://{BUCKET}/leases/taken"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until(holder, "held")
    others = json.dumps({"holder": "pid 1 on mars", "process": "", "seconds": 30}).encode()
    storage.write("leases/taken/.lock", others)
    shown = holder.communicate(timeout=20)[0]
    assert holder.returncode == exits.INTERRUPTED
    assert "has been taken over by another process: leaving at once" in shown
    assert "went on" not in shown
    assert storage.read("leases/taken/.lock") == others


def test_a_lease_of_a_process_that_has_died_here_is_taken_at_once(storage):
    dead = subprocess.Popen(["sleep", "100"])
    stat = Path(f"/proc/{dead.pid}/stat")
    if not lease_holder.identity() or not stat.exists():
        pytest.skip("needs /proc")
    boot, namespace, *_ = lease_holder.identity().split()
    name = f"{boot} {namespace} {dead.pid} {stat.read_text().rpartition(')')[2].split()[19]}"
    assert not lease_holder.is_dead(name)
    dead.kill()
    dead.wait()
    assert lease_holder.is_dead(name)
    said = {"holder": f"pid {dead.pid}", "process": name, "seconds": 300}
    storage.write("leases/dead/.lock", json.dumps(said).encode())
    with lease.hold(Bucket(url.parse(f"gs://{BUCKET}/leases/dead", "job_dir"), "job_dir")):
        assert reads_before_it_was_taken(storage, "leases/dead/.lock") == 1


def test_data_of_which_a_kill_left_a_part_are_prepared_and_sent_again(storage, tmp_path):
    place = url.parse(f"gs://{BUCKET}/half", "data_dir")
    storage.write("half/kmnist/3.0.1/kmnist-train.tfrecord-00000-of-00001", b"images")
    copy = CopiedData(place, tmp_path / "first", "kmnist")
    folder = tmp_path / "first" / "kmnist" / "3.0.1"
    assert not folder.exists()  # or TensorFlow Datasets would take it for prepared

    folder.mkdir(parents=True)
    for name in ("dataset_info.json", "features.json", "kmnist-train.tfrecord-00000-of-00001"):
        (folder / name).write_bytes(b"images" if "tfrecord" in name else b"{}")
    copy.send()

    sent = [name.removeprefix("half/kmnist/3.0.1/") for name in storage.sent("")]
    assert sent == ["features.json", "dataset_info.json"]  # the images are there already
    CopiedData(place, tmp_path / "second", "kmnist")
    assert len(list((tmp_path / "second").rglob("*.*/*"))) == 3


def test_prepared_data_come_from_a_bucket_and_are_not_sent_back(storage, data_dir, main, capsys):
    for path in (data_dir / "fashion_mnist").rglob("*.*"):
        if path.is_file():
            name = path.relative_to(data_dir).as_posix()
            storage.write(f"data/{name}", path.read_bytes())
    assert main(["prepare_data", f"--data_dir=gs://{BUCKET}/data"]) == exits.OK
    assert capsys.readouterr().out == f"gs://{BUCKET}/data/fashion_mnist\n"
    assert not storage.sent("")
