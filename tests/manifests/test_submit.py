"""scripts/submit: what it refuses, what it hands to kubectl, what it says."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from scripts.submission.run_objects import Run
from tests.command import ROOT
from tests.manifests.rendering import evaluation, of_kind
from trainer.configuration import flags
from trainer.system import exits

SCRIPT = ROOT / "scripts" / "submit"
LOCAL = ("--overlay=local", "--name=a", "--image=gan:1.2", "--job_dir=/data/runs/a")
CLOUD = ("--overlay=gke-multi-spot", "--name=a", "--image=gan:1.2", "--job_dir=gs://bucket/runs/a")
JOB_SET = ("--overlay=jobset-multi-spot", *CLOUD[1:])

# Stands for a cluster: one file holds the Job that is in it, others what was asked of it.
CLUSTER = """#!/bin/sh
set -eu
here=$(dirname "$0")
[ "$1" != kustomize ] || exec "$here/real-kubectl" "$@"
echo "$*" >>"$here/calls"
case " $* " in
  *" get "*) cat "$here/job" 2>/dev/null || true ;;
  *" delete "*) rm "$here/job" ;;
  *" apply "*) [ ! -e "$here/down" ] || { echo "connection refused" >&2; exit 1; }
    cat >"$here/applied" ;;
esac
"""


@pytest.fixture(scope="module")
def submit() -> ModuleType:
    """The script as a module, to be called in this process."""
    loader = importlib.machinery.SourceFileLoader("submit", str(SCRIPT))
    spec = importlib.util.spec_from_loader("submit", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPT.parent))
    return module


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose kubectl renders like the real one and keeps what it is told."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("needs kubectl, which renders the manifests")
    (tmp_path / "real-kubectl").symlink_to(Path(kubectl).resolve())
    (tmp_path / "kubectl").write_text(CLUSTER)
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def applied(cluster: Path) -> Run:
    return Run(tuple(yaml.safe_load_all((cluster / "applied").read_text())))


def calls(cluster: Path) -> list[str]:
    """What was asked of the cluster, a word each."""
    told = cluster / "calls"
    words = ("get", "delete", "wait", "apply")
    lines = told.read_text().splitlines() if told.exists() else []
    return [next(word for word in words if word in line.split()) for line in lines]


def job(condition: str | None = None, **metadata: str) -> str:
    """A Job as kubectl shows it."""
    conditions = [] if condition is None else [{"type": condition, "status": "True"}]
    return json.dumps(
        {"metadata": {"name": "fashion-gan-a"} | metadata, "status": {"conditions": conditions}}
    )


def test_a_run_is_applied_under_its_own_name(submit, cluster):
    code = submit.main(
        [*LOCAL, "--workers=3", "--", "--preset=mlp", "--batch_size=48", "--epochs=2"]
    )

    run = applied(cluster)
    environment = {each["name"]: each.get("value") for each in run.container["env"]}
    assert code == exits.OK
    assert (run.job_name, run.pod["subdomain"]) == ("fashion-gan-a", "fashion-gan-a")
    assert run.job["completions"] == run.job["parallelism"] == int(environment["TF_WORKERS"]) == 3
    assert run.container["args"] == [
        "train",
        "--data_dir=/data/tensorflow_datasets",
        "--strategy=multi_worker",
        "--threads=2",
        "--job_dir=/data/runs/a",
        "--preset=mlp",
        "--batch_size=48",
        "--epochs=2",
    ]
    assert run.container["image"] == "gan:1.2"
    assert calls(cluster) == ["get", "wait", "apply"]


def test_tensorboard_follows_the_run(submit, cluster):
    assert submit.main([*LOCAL]) == exits.OK

    board = applied(cluster).of_kind("Deployment")
    (container,) = board["spec"]["template"]["spec"]["containers"]
    assert board["metadata"]["name"] == "tensorboard-a"
    assert container["image"] == "gan:1.2"
    assert "--logdir=/data/runs/a/tensorboard" in container["args"]


@pytest.mark.parametrize(
    ("overlay", "training", "data_dir"),
    [
        (LOCAL, [], "/data/tensorflow_datasets"),
        (LOCAL, ["--data_dir=/data/sets"], "/data/sets"),
        (CLOUD, [], "gs://bucket/tensorflow_datasets"),
        (JOB_SET, ["--data_dir", "gs://other/sets"], "gs://other/sets"),
    ],
)
def test_the_evaluation_follows_the_run(overlay, training, data_dir, submit, cluster):
    assert submit.main([*overlay, "--", *training]) == exits.OK

    run = applied(cluster)
    (container,) = evaluation(run)["template"]["spec"]["containers"]
    config, trained = (
        flags.evaluate(container["args"]),
        flags.train_elsewhere(run.container["args"]),
    )
    assert run.of_kind("CronJob")["metadata"]["name"] == "evaluation-a"
    assert container["image"] == run.container["image"] == "gan:1.2"
    assert (config.job_dir, config.data_dir) == (trained.job_dir, trained.data_dir)
    assert f"--data_dir={data_dir}" in container["args"]
    assert config.new


def test_what_no_classifier_knows_is_not_evaluated(submit, cluster, capsys):
    assert submit.main([*LOCAL, "--", "--dataset=kmnist"]) == exits.OK
    assert not of_kind(applied(cluster), "CronJob")
    assert "evaluation" not in capsys.readouterr().err


def test_the_longest_name_leaves_room_for_what_kubernetes_adds(submit, cluster):
    assert submit.main([*LOCAL, f"--name={submit.MOST_LETTERS * 'a'}"]) == exits.OK
    assert len(applied(cluster).of_kind("CronJob")["metadata"]["name"]) <= 52


def test_runs_share_what_is_not_their_own(submit, cluster):
    names = []
    for name in ("a", "b"):
        submit.main([*LOCAL, f"--name={name}"])
        names.append(
            {(each["kind"], each["metadata"]["name"]) for each in applied(cluster).objects}
        )
    kinds = {kind for kind, _ in names[0] & names[1]}
    assert kinds == {"Namespace", "ServiceAccount", "NetworkPolicy", "PersistentVolumeClaim"}


@pytest.mark.parametrize("overlay", [CLOUD, JOB_SET])
def test_a_run_on_a_cloud_takes_its_gpus_its_bucket_and_its_account(overlay, submit, cluster):
    account = "gan@project.iam.gserviceaccount.com"

    code = submit.main(
        [*overlay, "--workers=4", "--gpus=8", "--namespace=team", f"--google_account={account}"]
    )

    run = applied(cluster)
    resources = run.container["resources"]
    (annotation,) = run.of_kind("ServiceAccount")["metadata"]["annotations"].values()
    assert code == exits.OK
    assert run.job["completions"] == 4
    assert resources["limits"]["nvidia.com/gpu"] == resources["requests"]["nvidia.com/gpu"] == "8"
    assert "--data_dir=gs://bucket/tensorflow_datasets" in run.container["args"]
    assert annotation == account
    assert run.of_kind("Namespace")["metadata"]["name"] == "team"
    assert {each["metadata"].get("namespace", "team") for each in run.objects} == {"team"}


@pytest.mark.parametrize(
    ("overlay", "training"),
    [
        (LOCAL, ["--dataset=image_folder", "--data_dir=/data/pictures", "--conditional"]),
        (CLOUD, ["--dataset=image_folder", "--data_dir=gs://pictures", "--conditional"]),
        (CLOUD, ["--dataset=kmnist"]),
    ],
)
def test_data_that_only_the_pods_reach_are_not_looked_at(
    overlay, training, submit, cluster, monkeypatch
):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")  # nothing listens there
    assert submit.main([*overlay, "--", *training]) == exits.OK
    assert applied(cluster).container["args"][-len(training) :] == training


def test_components_are_added(submit, cluster):
    submit.main([*LOCAL, "--components=kueue,monitoring"])
    run = applied(cluster)
    assert run.workload["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "fashion-gan"
    assert "--metrics_port=9464" in run.container["args"]
    assert run.of_kind("PodMonitor")


def test_a_dry_run_prints_what_would_be_applied_and_asks_the_cluster_nothing(
    submit, cluster, capsys
):
    assert submit.main([*LOCAL, "--dry_run"]) == exits.OK
    printed = list(yaml.safe_load_all(capsys.readouterr().out))
    assert calls(cluster) == []

    submit.main([*LOCAL])
    assert printed == list(applied(cluster).objects)


@pytest.mark.parametrize(
    ("overlay", "pods"),
    [(LOCAL, "fashion-gan-a"), (JOB_SET, "fashion-gan-a-worker-0")],
)
def test_it_says_how_to_follow_show_and_stop_the_run(overlay, pods, submit, cluster, capsys):
    submit.main([*overlay, "--namespace=team"])
    said = capsys.readouterr().err
    kubectl = "kubectl --namespace=team"
    chief = f"batch.kubernetes.io/job-name={pods},batch.kubernetes.io/job-completion-index=0"
    assert f"{kubectl} logs --follow --tail=-1 --selector={chief}\n" in said
    assert f"{kubectl} port-forward service/tensorboard-a 6006\n" in said
    kind, instance = applied(cluster).workload["kind"].lower(), "app.kubernetes.io/instance"
    assert f"{kubectl} delete {kind}/fashion-gan-a\n" in said
    assert f"--selector={instance}=evaluation-a\n" in said
    suspend = """patch cronjob/evaluation-a --patch='{"spec":{"suspend":true}}'"""
    assert f"{kubectl} {suspend}\n" in said
    (remove,) = re.findall(rf"{kubectl} delete (.*cronjob.*)\n", said)
    assert set(remove.split()) == {
        f"{each['kind'].lower()}/{each['metadata']['name']}"
        for each in applied(cluster).objects
        if each["metadata"]["name"].endswith("-a")
    }


def test_it_says_that_an_account_is_missing(submit, cluster, capsys):
    submit.main([*CLOUD])
    assert "--google_account" in capsys.readouterr().err
    submit.main([*CLOUD, "--google_account=a@b.iam.gserviceaccount.com"])
    assert "--google_account" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "ended", [job("Complete"), job("Failed"), job(deletionTimestamp="2026-01-01T00:00:00Z")]
)
def test_a_run_that_has_ended_or_is_being_deleted_is_made_anew(ended, submit, cluster):
    (cluster / "job").write_text(ended)
    assert submit.main([*LOCAL]) == exits.OK
    assert calls(cluster) == ["get", "delete", "wait", "apply"]


@pytest.mark.parametrize("condition", [None, "Suspended"])
def test_a_run_that_has_not_ended_is_left_alone(condition, submit, cluster, capsys):
    (cluster / "job").write_text(job(condition))
    assert submit.main([*LOCAL]) == exits.REFUSED
    said = capsys.readouterr().err
    assert "job/fashion-gan-a is there and has not ended" in said and said.count("\n") == 1
    assert calls(cluster) == ["get"]
    assert (cluster / "job").exists()


WRONG = {
    "--name=A": "--name=A must be lower case",
    "--name=" + 31 * "a": "at most 30",
    "--overlay=gke": "--overlay",
    "--image=host:5000/gan": "needs a tag or a digest",
    "--image=gan:latest": "pin it",
    "--namespace=default": "choose another",
    "--namespace=kube-system": "choose another",
    "--namespace=a.b": "cannot be",
    "--components=kue": "'kue': there are gke-spot, kueue",
    "--workers=two": "from 1 to 999",
    "--gpus=-1": "--gpus must be a number",
    "--job_dir=/runs/a": "would be lost with its pod: use gs://BUCKET/... or /data/...",
    "--google_account=a@b": "needs --components=workload-identity",
    "--nmae=a": "--nmae=a",
    "-- --bach_size=64": "Did you mean: batch_size",
    "-- --batch_size=63": "not divisible by the 2 replicas",
    "--workers=3": "--batch_size=32 is not divisible by the 3 replicas: try 30",
    "-- --dataset=kmnist --image_size=32": "28 pixels wide",
    "-- --dataset=celeb_a --conditional": "--dataset=celeb_a has none",
    "-- --dataset=image_folder --batch_size=63": "not divisible by the 2 replicas",
    "-- --preset=gan": "--preset=gan is unknown",
    "-- --job_dir=/data/b": "stands before the --",
    "-- --data_dir=/tmp/data": "--data_dir=/tmp/data would be lost",
    "-- --data_dir /tmp/data": "--data_dir=/tmp/data would be lost",
    "-- --flagfile=pyproject.toml": "names a file that pods do not have",
    "-- --strategy=mirrored": "does not fit the overlay",
    "--overlay=gke-single-spot --workers=2": "needs an overlay of several machines",
    "--overlay=gke-single-spot --gpus=0": "add -- --strategy=auto",
    "--overlay=gke-single-spot -- --strategy=multi_worker": "does not fit the overlay",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_in_one_line_before_the_cluster_is_asked(
    wrong, submit, cluster, capsys
):
    base = CLOUD if "gke-single" in wrong else LOCAL
    code = submit.main([*base, *wrong.split()])

    captured = capsys.readouterr()
    assert code == exits.REFUSED
    assert WRONG[wrong] in captured.err and captured.err.count("\n") == 1
    assert not captured.out
    assert calls(cluster) == []


def test_what_a_run_cannot_do_without_is_asked_for(submit, capsys):
    assert submit.main([]) == exits.REFUSED
    assert "--overlay, --name, --image, --job_dir" in capsys.readouterr().err


def test_a_cluster_that_cannot_be_reached_is_not_the_user_s_mistake(submit, cluster, capfd):
    (cluster / "down").touch()
    assert submit.main([*LOCAL]) == exits.DEFECT
    said = capfd.readouterr().err
    assert "connection refused" in said and "`kubectl apply --filename=-` failed" in said


def test_without_kubectl_it_says_what_is_missing(submit, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert submit.main([*LOCAL]) == exits.REFUSED
    assert "kubectl is not installed" in capsys.readouterr().err


def test_it_runs_by_itself_and_without_tensorflow(cluster: Path, monkeypatch):
    (cluster / "sitecustomize.py").write_text(
        "import sys\nfor name in ('tensorflow', 'keras'):\n    sys.modules[name] = None\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(cluster))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("PATH", str(cluster), prepend=os.pathsep)

    done = subprocess.run([SCRIPT, *LOCAL, "--dry_run"], capture_output=True, text=True)

    assert done.returncode == exits.OK, done.stderr
    assert "job/fashion-gan-a would be submitted" in done.stderr
    without = subprocess.run([sys.executable, "-c", "import tensorflow"], capture_output=True)
    assert without.returncode != 0  # the script had to do without


def test_every_submission_that_is_written_down_can_be_made(submit, cluster):
    text = "".join((ROOT / file).read_text() for file in ("README.md", "k8s/README.md"))
    written = re.findall(r"^scripts/submit (.*)", text, re.MULTILINE)
    assert len(written) >= 2
    for words in written:
        assert submit.main(["--dry_run", *shlex.split(words)]) == exits.OK
