"""Evaluations of a run in a bucket, by the run itself and by others beside it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scripts.checks import emulated_bucket
from scripts.checks.emulated_bucket import BUCKET
from tests.command import run_forked
from tests.conftest import FEW_REFERENCES, train_flags
from trainer import run_layout
from trainer.cloud import url
from trainer.cloud.data_places import DataPlaces
from trainer.configuration import flags
from trainer.evaluation import inception, inception_files, own_network_files, own_networks
from trainer.runs import evaluations, in_bucket, stored_runs
from trainer.system.exits import InterruptedRun


@pytest.fixture(scope="module")
def storage():
    with emulated_bucket.started() as started, pytest.MonkeyPatch.context() as patch:
        for name, value in started.environment.items():
            patch.setenv(name, value)
        yield started


def line(step: int, against: str) -> dict[str, object]:
    return {"step": step, "against": against, "num": 10, "coverage": 0.5}


def test_a_run_and_those_who_measure_it_write_one_record(storage, tmp_path):
    place = url.parse(f"gs://{BUCKET}/runs/shared", "job_dir")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with in_bucket.leased(place, ours) as commit:
        (ours / "config.json").write_text("{}")
        evaluations.add(ours, line(1, evaluations.TRAIN))
        commit()
        copy = in_bucket.fetch(place, theirs, run_layout.EVALUATIONS)

        evaluations.add(theirs, line(1, evaluations.TEST))
        in_bucket.add(copy)
        evaluations.add(ours, line(2, evaluations.TRAIN))
        commit()  # which finds another version than it has sent
        evaluations.add(theirs, line(2, evaluations.TEST))
        in_bucket.add(copy)

    kept = storage.read("runs/shared/evaluations.jsonl").decode().splitlines()
    assert sorted(kept) == sorted(
        json.dumps(line(step, against)) for step in (1, 2) for against in ("train", "test")
    )
    events = storage.names("runs/shared/tensorboard/eval")
    assert sum(name.endswith(".train") for name in events) == 2
    assert sum(name.endswith(".test") for name in events) == 2


@pytest.mark.parametrize(
    ("choice", "needed"),
    [
        ("latest", {"ckpt-20", "ckpt-30", "best/ckpt-10"}),  # the newest may be damaged
        ("best", {"best/ckpt-10"}),
        ("20", {"ckpt-20"}),
        ("40", {"ckpt-10", "ckpt-20", "ckpt-30", "best/ckpt-10", "damaged/ckpt-9"}),  # for a list
    ],
)
def test_no_checkpoint_is_fetched_that_is_not_asked_for(choice, needed, storage, tmp_path):
    for step in ("ckpt-10", "ckpt-20", "ckpt-30", "best/ckpt-10", "damaged/ckpt-9"):
        for suffix in (".data-00000-of-00001", ".index"):
            storage.write(f"runs/many/checkpoints/{step}{suffix}", b"x")
    storage.write("runs/many/config.json", b"{}")
    place = url.parse(f"gs://{BUCKET}/runs/many", "job_dir")
    stored_runs.fetch(place, tmp_path, choice)
    there = {path.relative_to(tmp_path / "checkpoints") for path in tmp_path.rglob("*.index")}
    assert {str(path.with_suffix("")) for path in there} == needed
    assert (tmp_path / "config.json").exists()


def test_who_measures_or_exports_a_checkpoint_reads_no_other(storage, tmp_path):
    job_dir = f"gs://{BUCKET}/runs/several"
    lengths = ("--steps=3", "--checkpoint_interval=1")
    run_forked(*train_flags(job_dir, "--dataset=synthetic", *lengths))
    asked = [f"--job_dir={job_dir}", "--checkpoint=2"]
    before = len(storage.requests)

    run_forked("evaluate", *asked, "--num=20", "--nocas", "--threads=2")
    run_forked("export", *asked, "--format=saved_model", f"--output={tmp_path / 'saved'}")

    names = {each.object_name for each in storage.requests[before:]}
    read = {name.rpartition("/")[2] for name in names if ".data-" in name}
    assert read == {"ckpt-2.data-00000-of-00001"}
    card = (tmp_path / "saved" / "README.md").read_text()
    assert "2 updates" in card and "samples.png" not in card  # which is of step 3


def test_a_result_is_sent_after_all_that_belongs_to_it(storage, tmp_path):
    """Who reads it measures that step no more."""
    place = url.parse(f"gs://{BUCKET}/runs/ordered", "job_dir")
    storage.write("runs/ordered/config.json", b"{}")
    copy = in_bucket.fetch(place, tmp_path / "copy", run_layout.EVALUATIONS)
    evaluations.add(tmp_path / "copy", line(1, evaluations.TEST))
    written = []
    storage.seen = lambda request: written.append(request.object_name)
    in_bucket.add(copy)
    storage.seen = lambda request: None
    assert len(written) > 1 and written[-1] == "runs/ordered/evaluations.jsonl"


def test_who_is_first_decides_what_all_measure_with(storage, tmp_path, monkeypatch):
    """The run and a pod of the CronJob, which both find no networks, and train some."""
    place = url.parse(f"gs://{BUCKET}/runs/networks", "job_dir")
    recipe = flags.train(["train", "--job_dir=x", "--dataset=kmnist"]).recipe
    weights = {
        who: {"feature_network/kernel": np.full(3, number, np.float32)}
        for number, who in enumerate(("run", "pod"))
    }
    monkeypatch.setattr(own_networks, "_networks", lambda spec, weights: weights)
    with in_bucket.leased(place, tmp_path / "run") as commit:
        (tmp_path / "run/config.json").write_text("{}")
        commit()
        copy = in_bucket.fetch(place, tmp_path / "pod", run_layout.FEATURES)

        def by_run(*_):
            monkeypatch.setattr(own_networks, "_train", lambda *_: weights["pod"])
            by_pod = own_networks.provide(
                recipe.data,
                lambda: ((), ()),
                *(tmp_path / "pod", tmp_path / "cache_of_pod"),
                publish=lambda: in_bucket.add(copy),
            )
            np.testing.assert_equal(by_pod, weights["pod"])
            return weights["run"]

        monkeypatch.setattr(own_networks, "_train", by_run)
        folders = (tmp_path / "run", tmp_path / "cache_of_run")
        found = own_networks.provide(recipe.data, lambda: ((), ()), *folders, publish=commit)
        np.testing.assert_equal(found, weights["pod"])
        commit()
    (kept,) = storage.names("runs/networks/features")
    content = storage.read(f"runs/networks/features/{kept}")
    assert content == own_network_files.path_in(tmp_path / "pod", recipe.data).read_bytes()


def test_what_a_resume_has_cut_does_not_come_back(storage, tmp_path):
    place = url.parse(f"gs://{BUCKET}/runs/cut", "job_dir")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with in_bucket.leased(place, ours) as commit:
        (ours / "config.json").write_text("{}")
        evaluations.add(ours, line(1, evaluations.TRAIN))
        evaluations.add(ours, line(2, evaluations.TRAIN))
        commit()
        copy = in_bucket.fetch(place, theirs, run_layout.EVALUATIONS)  # with both lines
        evaluations.add(theirs, line(1, evaluations.TEST))
        in_bucket.add(copy)

        evaluations.trim(ours, 1)
        commit()  # over the version that the evaluation has sent
        evaluations.add(theirs, line(2, evaluations.TEST))
        in_bucket.add(copy)  # over the version that the resume has sent

    kept = storage.read("runs/cut/evaluations.jsonl").decode().splitlines()
    assert sorted((each["step"], each["against"]) for each in map(json.loads, kept)) == [
        (1, "test"),
        (1, "train"),
        (2, "test"),
    ]


@pytest.mark.parametrize("moment", ["GET", "POST"])  # it is looked for and read, it is written
def test_a_record_that_changes_while_it_is_added_to_is_added_to_again(storage, tmp_path, moment):
    place = url.parse(f"gs://{BUCKET}/runs/{moment}", "job_dir")
    name = f"runs/{moment}/evaluations.jsonl"
    storage.write(name, b"")
    copy = in_bucket.fetch(place, tmp_path / "copy", run_layout.EVALUATIONS)
    lines = [json.dumps(line(step, evaluations.TRAIN)) for step in range(5)]
    storage.write(name, lines[0].encode() + b"\n")

    def another_writes(request):
        if request.object_name == name and request.method == moment and len(lines) > changes[0]:
            changes[0] += 1
            storage.write(name, "".join(f"{each}\n" for each in lines[: changes[0]]).encode())

    changes = [1]
    evaluations.add(tmp_path / "copy", line(9, evaluations.TEST))
    storage.seen = another_writes
    in_bucket.add(copy)
    storage.seen = lambda request: None

    kept = storage.read(name).decode().splitlines()
    assert kept == [*lines, json.dumps(line(9, evaluations.TEST))]


def test_a_record_that_never_rests_ends_the_command_as_one_to_run_again(storage, tmp_path):
    place = url.parse(f"gs://{BUCKET}/runs/restless", "job_dir")
    name = "runs/restless/evaluations.jsonl"
    storage.write(name, b"")
    copy = in_bucket.fetch(place, tmp_path / "copy", run_layout.EVALUATIONS)
    evaluations.add(tmp_path / "copy", line(9, evaluations.TEST))
    storage.seen = lambda request: storage.write(name, b"\n" * request.number)

    with pytest.raises(InterruptedRun, match="constantly written by others"):
        in_bucket.add(copy)
    storage.seen = lambda request: None


@pytest.mark.parametrize("kept_in", ["bucket", "copy"])
@pytest.mark.parametrize("dataset", ["mnist", "image_folder"])
def test_inception_is_kept_beside_the_data_but_not_among_pictures(
    storage, tmp_path, kept_in, dataset
):
    name = f"{inception.FOLDER}/{inception.FILE}"
    data, cache = (
        (tmp_path / of, url.parse(f"gs://{BUCKET}/{kept_in}-{dataset}/{of}", of))
        for of in ("data_dir", "cache_dir")
    )
    places = DataPlaces(data[0], cache[0], data[1], cache[1])
    folder = (cache if dataset == "image_folder" else data)[0]
    in_bucket_at = f"{kept_in}-{dataset}/{folder.name}/{name}"
    graph = folder / name
    if kept_in == "bucket":
        storage.write(in_bucket_at, b"graph")
    else:  # as if it had been downloaded
        graph.parent.mkdir(parents=True)
        graph.write_bytes(b"graph")

    assert inception_files.provide(dataset, places) == graph

    assert graph.read_bytes() == b"graph"
    assert storage.read(in_bucket_at) == b"graph"
    other = (data if dataset == "image_folder" else cache)[0]
    assert not other.exists()


def test_new_checkpoints_in_a_bucket_are_measured_once(storage):
    job_dir = f"gs://{BUCKET}/runs/new"
    flags = train_flags(job_dir, "--dataset=synthetic", "--steps=10", "--keep_checkpoints=1")
    evaluated = ["--evaluation_interval=10", "--evaluation_samples=20"]
    run_forked(*flags, *evaluated, before=FEW_REFERENCES)
    asked = ["evaluate", f"--job_dir={job_dir}", "--num=20", "--nocas", "--new", "--threads=2"]

    first = run_forked(*asked)
    before = len(storage.requests)
    second = run_forked(*asked)  # by the names of the checkpoints alone

    assert [json.loads(each)["step"] for each in first.stdout.splitlines()] == [10]
    assert second.stdout == "" and "nothing to do" in second.stderr
    assert not any(".data-" in each.object_name for each in storage.requests[before:])
    kept = storage.read("runs/new/evaluations.jsonl").decode().splitlines()
    assert [json.loads(each)["against"] for each in kept] == ["train", "test"]
    assert "checkpoints/best/ckpt-10.index" in storage.names("runs/new")


@pytest.mark.slow
def test_a_run_in_a_bucket_keeps_its_own_networks_there_and_is_measured_with_them(
    storage, tmp_path
):
    job_dir = f"gs://{BUCKET}/runs/own"
    run_forked(*train_flags(job_dir, "--dataset=synthetic", "--steps=2", "--keep_checkpoints=1"))
    asked = ["evaluate", f"--job_dir={job_dir}", "--num=20", "--features=own", "--threads=2"]

    few_steps = (
        "from trainer.evaluation import own_network_training as networks\n"
        "networks.FEWEST_STEPS = networks.MOST_STEPS = 4"
    )

    first = run_forked(*asked, f"--cache_dir={tmp_path / 'here'}", before=few_steps)
    second = run_forked(*asked, f"--cache_dir={tmp_path / 'elsewhere'}")

    assert "training networks" in first.stderr and "training networks" not in second.stderr
    assert len(storage.names("runs/own/features")) == 1
    assert json.loads(first.stdout)["features"] == "own" and first.stdout == second.stdout
    assert len(storage.read("runs/own/evaluations.jsonl").splitlines()) == 1
