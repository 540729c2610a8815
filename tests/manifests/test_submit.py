"""scripts/submit: what it refuses, what it hands to kubectl, what it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scripts.submission import command_line
from scripts.submission.main import main
from scripts.submission.run_objects import reference
from scripts.submission.verbs import VERBS
from tests.command import ROOT
from tests.manifests.rendering import Object, evaluation, of_kind, pods
from trainer.configuration import flags
from trainer.system import exits

SCRIPT = ROOT / "scripts" / "submit"
LOCAL = ("--overlay=local", "--name=a", "--image=gan:1.2", "--job_dir=/data/runs/a")
JOB_SET = (
    "--overlay=gke-multi-spot",
    "--name=a",
    "--image=gan:1.2",
    "--job_dir=gs://bucket/runs/a",
)
JOB = ("--overlay=gke-multi-spot-job", *JOB_SET[1:])
TRAIN_JOB = ("--overlay=gke-multi-spot-trainjob", *JOB_SET[1:])


def test_a_run_is_applied_under_its_own_name(cluster):
    code = main([*LOCAL, "--workers=3", "--", "--preset=mlp", "--batch_size=48", "--epochs=2"])

    run = cluster.applied()
    environment = {each["name"]: each.get("value") for each in run.container["env"]}
    assert code == exits.OK
    assert (run.job_name, run.pod["subdomain"]) == ("fashion-gan-a", "fashion-gan-a")
    assert run.job["completions"] == run.job["parallelism"] == int(environment["TF_WORKERS"]) == 3
    assert run.container["args"] == [
        "train",
        "--data_dir=/data/tensorflow_datasets",
        "--cache_dir=/data/cache",
        "--strategy=multi_worker",
        "--rejoin=3",
        "--cluster_timeout=1800",
        "--threads=2",
        "--job_dir=/data/runs/a",
        "--preset=mlp",
        "--batch_size=48",
        "--epochs=2",
    ]
    assert run.container["image"] == "gan:1.2"
    pods = "--selector=batch.kubernetes.io/job-name=fashion-gan-a"
    wait = f"wait --for=delete pod {pods} --timeout=5m"
    assert cluster.changes() == [wait, "apply --filename=-"]


def test_tensorboard_follows_the_run(cluster):
    assert main([*LOCAL]) == exits.OK

    board = cluster.applied().of_kind("Deployment")
    (container,) = board["spec"]["template"]["spec"]["containers"]
    assert board["metadata"]["name"] == "tensorboard-a"
    assert container["image"] == "gan:1.2"
    assert "--logdir=/data/runs/a/tensorboard" in container["args"]


@pytest.mark.parametrize(
    ("overlay", "training", "data_dir"),
    [
        (LOCAL, [], "/data/tensorflow_datasets"),
        (LOCAL, ["--data_dir=/data/sets"], "/data/sets"),
        (JOB_SET, [], "gs://bucket/tensorflow_datasets"),
        (TRAIN_JOB, ["--data_dir", "gs://other/sets"], "gs://other/sets"),
    ],
)
def test_the_evaluation_follows_the_run(overlay, training, data_dir, cluster):
    assert main([*overlay, "--", *training]) == exits.OK

    run = cluster.applied()
    (container,) = evaluation(run)["template"]["spec"]["containers"]
    config, trained = (
        flags.evaluate(container["args"]),
        flags.train_elsewhere(run.container["args"]),
    )
    assert run.of_kind("CronJob")["metadata"]["name"] == "evaluation-a"
    assert container["image"] == run.container["image"] == "gan:1.2"
    assert (config.job_dir, config.places) == (trained.job_dir, trained.places)
    assert f"--data_dir={data_dir}" in container["args"]
    in_bucket = "--cache_dir=gs://bucket/fashion-gan-cache" in container["args"]
    assert in_bucket == (overlay is not LOCAL)
    assert config.new


def test_a_folder_of_which_nothing_is_held_back_is_not_evaluated(cluster, capsys):
    folder = ["--dataset=image_folder", "--data_dir=/data/pictures", "--conditional"]
    assert main([*LOCAL, "--", *folder, "--test_share=0"]) == exits.OK
    assert not of_kind(cluster.applied(), "CronJob")
    assert "evaluation" not in capsys.readouterr().err


def test_a_run_that_completes_pictures_is_not_evaluated(cluster):
    assert main([*LOCAL, "--", "--preset=inpaint"]) == exits.OK
    assert not of_kind(cluster.applied(), "CronJob")


@pytest.mark.parametrize("data", [["--dataset=kmnist"], ["--dataset=image_folder"]])
def test_data_that_the_package_does_not_know_are_evaluated(data, cluster):
    assert main([*LOCAL, "--", *data, "--data_dir=/data/set", "--conditional"]) == exits.OK
    assert of_kind(cluster.applied(), "CronJob")


def test_the_longest_name_leaves_room_for_what_kubernetes_adds(cluster):
    assert main([*LOCAL, f"--name={command_line.MOST_LETTERS * 'a'}"]) == exits.OK
    assert len(cluster.applied().of_kind("CronJob")["metadata"]["name"]) <= 52


@pytest.mark.parametrize("overlay", [LOCAL, JOB, JOB_SET, TRAIN_JOB])
def test_a_run_changes_nothing_of_another(overlay, cluster):
    """Not even with another Google account, more workers and other components."""
    google = ["--components=workload-identity", "--google_account=b@c.iam.gserviceaccount.com"]
    # A component that the overlay has already is not there twice.
    runs: list[dict[str, Object]] = []
    for more in (["--name=a"], ["--name=b", "--workers=4", *google]):
        assert main([*overlay, *more]) == exits.OK
        runs.append({reference(each): each for each in cluster.applied().objects})
    first, second = runs
    common = first.keys() & second.keys()
    assert {name: first[name] for name in common} == {name: second[name] for name in common}
    kinds = {first[name]["kind"] for name in common}
    assert kinds <= {"Namespace", "NetworkPolicy", "PersistentVolumeClaim"}


@pytest.mark.parametrize("overlay", [LOCAL, JOB_SET, TRAIN_JOB])
def test_all_pods_of_a_run_are_its_own_account(overlay, cluster):
    main([*overlay])
    names = {each["serviceAccountName"] for each in pods(cluster.applied())}
    assert names == {cluster.applied().of_kind("ServiceAccount")["metadata"]["name"]}
    assert names == {"fashion-gan-a"}


@pytest.mark.parametrize("overlay", [JOB, JOB_SET, TRAIN_JOB])
def test_a_run_on_a_cloud_takes_its_gpus_its_bucket_and_its_account(overlay, cluster):
    account = "gan@project.iam.gserviceaccount.com"

    code = main(
        [*overlay, "--workers=4", "--gpus=8", "--namespace=team", f"--google_account={account}"]
    )

    run = cluster.applied()
    resources = run.container["resources"]
    annotations = run.of_kind("ServiceAccount")["metadata"]["annotations"]
    assert code == exits.OK
    assert run.job["completions"] == 4
    assert resources["limits"]["nvidia.com/gpu"] == resources["requests"]["nvidia.com/gpu"] == "8"
    assert "--data_dir=gs://bucket/tensorflow_datasets" in run.container["args"]
    assert annotations["iam.gke.io/gcp-service-account"] == account
    assert run.of_kind("Namespace")["metadata"]["name"] == "team"
    assert {each["metadata"].get("namespace", "team") for each in run.objects} == {"team"}


@pytest.mark.parametrize(
    ("overlay", "training"),
    [
        (LOCAL, ["--dataset=image_folder", "--data_dir=/data/pictures", "--conditional"]),
        (JOB_SET, ["--dataset=image_folder", "--data_dir=gs://pictures", "--conditional"]),
        (JOB_SET, ["--dataset=kmnist"]),
    ],
)
def test_data_that_only_the_pods_reach_are_not_looked_at(overlay, training, cluster, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")  # nothing listens there
    assert main([*overlay, "--", *training]) == exits.OK
    assert cluster.applied().container["args"][-len(training) :] == training


@pytest.mark.parametrize("overlay", [JOB, JOB_SET, TRAIN_JOB])
def test_what_kubernetes_would_replace_arrives_as_it_was_given(overlay, cluster):
    odd = "gs://bucket/runs/$(TF_PORT)/$$a$"
    assert main([*overlay, f"--job_dir={odd}"]) == exits.OK
    run = cluster.applied()
    for pod in pods(run):
        known = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
        arguments = [as_a_container_gets_it(each, known) for each in pod["containers"][0]["args"]]
        assert any(each.startswith((f"--job_dir={odd}", f"--logdir={odd}")) for each in arguments)


def as_a_container_gets_it(argument: str, environment: dict[str, str]) -> str:
    """Kubernetes' rule: $$ becomes $, $(NAME) the variable if there is one, and others stay."""
    return re.sub(
        r"\$(?:\$|\((\w+)\))",
        lambda found: "$" if found[0] == "$$" else environment.get(found[1], found[0]),
        argument,
    )


@pytest.mark.parametrize(
    "image",
    ["gan:1.2", "host:5000/team/gan:1", "a.b/c_d/e--f:v1", f"gan:latest@sha256:{64 * 'a'}"],
)
def test_images_that_kubernetes_takes_are_taken(image, cluster):
    assert main([*LOCAL, f"--image={image}"]) == exits.OK
    assert cluster.applied().container["image"] == image


def test_the_evaluation_uses_the_run_s_cache(cluster):
    assert main([*LOCAL, "--", "--cache_dir=/data/mine"]) == exits.OK
    (container,) = evaluation(cluster.applied())["template"]["spec"]["containers"]
    assert [each for each in container["args"] if "cache_dir" in each] == ["--cache_dir=/data/mine"]


@pytest.mark.parametrize("overlay", [LOCAL, JOB, JOB_SET, TRAIN_JOB])
def test_a_trainer_knows_how_many_gpus_it_was_given(overlay, cluster):
    main([*overlay])
    run = cluster.applied()
    limit = run.container["resources"]["limits"].get("nvidia.com/gpu")
    known = {each["name"]: each.get("value") for each in run.container["env"]}
    assert known.get("FASHION_GAN_GPUS") == limit


@pytest.mark.parametrize("overlay", [LOCAL, JOB_SET])
def test_an_image_in_a_private_registry_has_its_secret(overlay, cluster):
    main([*overlay, "--pull_secret=registry"])
    account = cluster.applied().of_kind("ServiceAccount")
    assert account["imagePullSecrets"] == [{"name": "registry"}]


def test_a_namespace_of_others_keeps_its_labels(cluster):
    cluster.has("namespace/team", {"metadata": {"labels": {"pod-security": "theirs"}}})
    assert main([*LOCAL, "--namespace=team"]) == exits.OK
    assert not of_kind(cluster.applied(), "Namespace")

    ours = {"app.kubernetes.io/name": "fashion-gan"}
    cluster.has("namespace/team", {"metadata": {"labels": ours}})
    assert main([*LOCAL, "--namespace=team"]) == exits.OK
    assert of_kind(cluster.applied(), "Namespace")


def test_it_says_which_cluster_it_speaks_to(cluster, capsys):
    main([*LOCAL])
    assert "cluster: a-context\n" in capsys.readouterr().err
    cluster.has_run(cluster.applied())
    main(["delete", "a"])
    assert "cluster: a-context\n" in capsys.readouterr().err


def test_components_are_added(cluster):
    main([*LOCAL, "--components=kueue,monitoring"])
    run = cluster.applied()
    assert run.workload["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "fashion-gan"
    assert "--metrics_port=9464" in run.container["args"]
    assert run.of_kind("PodMonitor")
    assert "namespace" not in run.of_kind("WorkloadPriorityClass")["metadata"]


def test_a_dry_run_prints_what_would_be_applied_and_asks_the_cluster_nothing(cluster, capsys):
    assert main([*LOCAL, "--dry_run"]) == exits.OK
    printed = list(yaml.safe_load_all(capsys.readouterr().out))
    assert cluster.calls() == []

    main([*LOCAL])
    assert printed == list(cluster.applied().objects)


def test_it_says_what_can_be_done_with_the_run(cluster, capsys):
    main([*LOCAL, "--namespace=team"])
    said = capsys.readouterr().err
    for verb in ("status", "logs", "stop", "resume", "delete"):
        assert f" scripts/submit {verb} a --namespace=team\n" in said
    assert " kubectl --namespace=team port-forward service/tensorboard-a 6006\n" in said
    assert "--selector=app.kubernetes.io/instance=evaluation-a\n" in said


@pytest.mark.parametrize("overlay", [LOCAL, JOB, JOB_SET, TRAIN_JOB])
def test_the_run_s_account_has_the_list_of_all_that_is_its_own(overlay, cluster):
    main([*overlay])
    run = cluster.applied()
    noted = run.of_kind("ServiceAccount")["metadata"]["annotations"]["fashion-gan/objects"]
    assert set(noted.split()) == {
        reference(each) for each in run.objects if each["metadata"]["name"].endswith("-a")
    }
    assert run.objects[-1] == run.workload  # after all that it needs


def test_it_says_that_an_account_is_missing(cluster, capsys):
    main([*JOB_SET])
    assert "--google_account" in capsys.readouterr().err
    main([*JOB_SET, "--google_account=a@b.iam.gserviceaccount.com"])
    assert "--google_account" not in capsys.readouterr().err


WRONG = {
    "--name=A": "--name=A must be lower-case",
    "--name=" + 31 * "a": "at most 30",
    "--overlay=gke": "--overlay=gke is unknown: there are gke-multi-spot, ",
    "--overlay=jobset-multi-spot": "is now called gke-multi-spot",
    "--image=host:5000/gan": "needs a tag or a digest",
    "--image=gan:latest": "pin it",
    "--image=a;b:1": "is not an image's name",
    "--image=$(A):1": "is not an image's name",
    "--image=Gan:1": "is not an image's name",
    "--image=gan@sha256:12": "is not an image's name",
    "--namespace=default": "choose another",
    "--namespace=kube-system": "choose another",
    "--namespace=a.b": "cannot be",
    "--components=kue": "'kue': there are gke-spot, kueue",
    "--workers=two": "from 1 to 999",
    "--gpus=-1": "--gpus must be a number",
    "--job_dir=/runs/a": "would be lost with its pod: use gs://BUCKET/... or /data/...",
    "--google_account=a@b.iam.gserviceaccount.com": "needs --components=workload-identity",
    "--google_account=a@b": "must be like NAME@PROJECT.iam.gserviceaccount.com",
    "--pull_secret=A": "cannot be a Secret's name",
    "--components=monitoring -- --metrics_port=9000": "is set by the component monitoring",
    "--nmae=a": "--nmae=a",
    "-- --bach_size=64": "Did you mean: batch_size",
    "-- --batch_size=63": "not divisible by the 2 replicas",
    "--workers=3": "--batch_size=32 is not divisible by the 3 replicas: try 30",
    "-- --dataset=kmnist --image_size=32": "28 pixels wide",
    "-- --dataset=celeb_a --conditional": "--dataset=celeb_a has none",
    "-- --dataset=image_folder --batch_size=63": "not divisible by the 2 replicas",
    "-- --preset=gan": "--preset=gan is unknown",
    "-- --job_dir=/data/b": "goes before the --",
    "-- --data_dir=/tmp/data": "--data_dir=/tmp/data would be lost",
    "-- --data_dir /tmp/data": "--data_dir=/tmp/data would be lost",
    "-- --flagfile=pyproject.toml": "names a file that pods do not have",
    "-- --strategy=mirrored": "does not fit the overlay",
    "--overlay=gke-single-spot --workers=2": "needs an overlay of several machines",
    "--overlay=gke-single-spot --gpus=0": "add -- --strategy=auto",
    "--overlay=gke-single-spot -- --strategy=multi_worker": "does not fit the overlay",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_in_one_line_before_the_cluster_is_asked(wrong, cluster, capsys):
    base = JOB_SET if "gke-single" in wrong else LOCAL
    code = main([*base, *wrong.split()])

    captured = capsys.readouterr()
    assert code == exits.REFUSED
    assert WRONG[wrong] in captured.err and captured.err.count("\n") == 1
    assert not captured.out
    assert cluster.calls() == []


def test_what_a_run_cannot_do_without_is_asked_for(capsys):
    assert main([]) == exits.REFUSED
    assert "--overlay, --name, --image, --job_dir" in capsys.readouterr().err


def test_a_cluster_that_cannot_be_reached_is_not_the_user_s_mistake(cluster, capfd):
    cluster.breaks_down()
    assert main([*LOCAL]) == exits.DEFECT
    said = capfd.readouterr().err
    assert "connection refused" in said and "`kubectl --namespace=fashion-gan get " in said


def test_without_kubectl_it_says_what_is_missing(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([*LOCAL]) == exits.REFUSED
    assert "kubectl is not installed" in capsys.readouterr().err


def test_it_runs_by_itself_and_without_tensorflow(cluster, monkeypatch):
    folder = cluster.folder
    (folder / "sitecustomize.py").write_text(
        "import sys\nfor name in ('tensorflow', 'keras'):\n    sys.modules[name] = None\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    done = subprocess.run([SCRIPT, *LOCAL, "--dry_run"], capture_output=True, text=True)

    assert done.returncode == exits.OK, done.stderr
    assert "job/fashion-gan-a would be submitted" in done.stderr
    without = subprocess.run([sys.executable, "-c", "import tensorflow"], capture_output=True)
    assert without.returncode != 0  # the script had to do without


def test_every_submission_that_is_written_down_can_be_made(cluster):
    text = "".join((ROOT / file).read_text() for file in ("README.md", "k8s/README.md"))
    written = re.findall(r"^scripts/submit (--.*)", text, re.MULTILINE)
    assert len(written) >= 2
    for words in written:
        assert main(["--dry_run", *shlex.split(words)]) == exits.OK
    verbs = re.findall(r"^scripts/submit ([a-z]+) first$", text, re.MULTILINE)
    assert set(verbs) == VERBS.keys()
