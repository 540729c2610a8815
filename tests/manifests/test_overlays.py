"""The manifests, as Kustomize renders them: what a cluster would be given."""

from __future__ import annotations

import argparse
import re
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
from tensorboard.plugins.core.core_plugin import CorePluginLoader

from scripts.submission.run_objects import Run
from tests.manifests.crd_models import MODELS
from tests.manifests.rendering import (
    DISRUPTED,
    JOB_SETS,
    JOBS,
    OVERLAYS,
    SEVERAL_MACHINES,
    Object,
    customised,
    is_headless,
    of_kind,
    on_exit,
    pods,
    rendered,
)
from trainer.configuration import checks, flags
from trainer.system import exits, signals

KUBERNETES = ("1.32", "1.37")  # the oldest and the newest that are checked


def environment(run: Run) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in run.container["env"]}


def job_set_of(each: Object) -> Object:
    """The specification of a JobSet, or of the one that Kubeflow Trainer makes from a runtime."""
    spec: Object = each.get("spec", {})
    return spec["template"]["spec"] if each["kind"] == "TrainingRuntime" else spec


def validate(each: Object, version: str) -> None:
    """Raises an error if the API server would refuse the object under strict validation."""
    if each["kind"] in MODELS:
        jsonschema.validate(each, MODELS[each["kind"]])
        for part in job_set_of(each).get("replicatedJobs", []):
            job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": part["name"]}}
            kubernetes_validate.validate(job | part["template"], version, strict=True)
    else:
        kubernetes_validate.validate(each, version, strict=True)


# Schemas


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_is_valid_to_the_letter(overlay, version):
    for each in overlay.objects:
        validate(each, version)


def test_every_object_of_every_component_is_valid_to_the_letter(custom):
    for each in custom.objects:
        validate(each, KUBERNETES[0])


def test_a_misspelt_field_is_found_in_an_object_of_every_kind():
    kinds = {each["kind"]: each for run in map(customised, OVERLAYS) for each in run.objects}
    assert kinds.keys() > MODELS.keys() | {"Job", "CronJob", "Service", "NetworkPolicy"}
    for each in kinds.values():
        wrong = each | {"spce": {}}
        with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
            validate(wrong, KUBERNETES[0])


@pytest.mark.parametrize("name", JOB_SETS)
def test_a_misspelt_field_is_found_within_a_job_set(name):
    run = rendered(name)
    run.container["imagePullPolic"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError, match="imagePullPolic"):
        validate(run.described_by, KUBERNETES[0])


# The Job and its pods


def test_trainers_get_the_time_and_the_memory_that_they_need(overlay):
    pod, resources = overlay.pod, overlay.container["resources"]
    shared = next(each for each in pod["volumes"] if each["name"] == "shm")
    mounts = {each["name"]: each["mountPath"] for each in overlay.container["volumeMounts"]}
    assert pod["restartPolicy"] == "Never"
    assert pod["terminationGracePeriodSeconds"] == 120 > signals.GRACE_SECONDS
    assert resources["requests"]["memory"] == resources["limits"]["memory"]
    assert resources["requests"].get("nvidia.com/gpu") == resources["limits"].get("nvidia.com/gpu")
    assert shared["emptyDir"]["medium"] == "Memory" and mounts["shm"] == "/dev/shm"


@pytest.mark.parametrize("name", JOBS)
def test_jobs_retry_what_a_retry_can_help(name):
    job = rendered(name).job
    assert job["podFailurePolicy"]["rules"] == [
        {"action": "Ignore"} | DISRUPTED,
        {"action": "Ignore"} | on_exit("trainer", exits.INTERRUPTED),
        {"action": "FailJob"} | on_exit("trainer", exits.REFUSED),
    ]
    assert rendered(name).container["name"] == "trainer"  # whom the rules name
    assert job["backoffLimit"] == 3
    assert job["ttlSecondsAfterFinished"] == 86400


def test_jobs_end_within_a_week_and_never_run_two_pods_for_one(overlay):
    assert overlay.job["activeDeadlineSeconds"] == 604800
    assert overlay.job["podReplacementPolicy"] == "Failed"


@pytest.mark.parametrize("name", JOB_SETS)
def test_a_job_set_starts_all_workers_anew_unless_a_retry_cannot_help(name):
    run = rendered(name)
    assert job_set_of(run.described_by)["failurePolicy"] == {
        "maxRestarts": 5,
        "restartStrategy": "BlockingRecreate",
        "rules": [
            {
                "name": "badConfig",
                "action": "FailJobSet",
                "onJobFailureReasons": ["PodFailurePolicy"],
                "onJobFailureMessagePatterns": [f"failed with exit code {exits.REFUSED} "],
            },
            {
                "name": "disrupted",
                "action": "RestartJobSetAndIgnoreMaxRestarts",
                "onJobFailureReasons": ["PodFailurePolicy"],
            },
        ],
    }
    assert run.job["backoffLimit"] == 0
    assert run.job["podFailurePolicy"]["rules"] == [
        {"action": "FailJob"} | DISRUPTED,
        {"action": "FailJob"} | on_exit(run.container["name"], exits.REFUSED, exits.INTERRUPTED),
    ]


@pytest.mark.parametrize("name", SEVERAL_MACHINES)
def test_workers_are_as_many_as_they_are_told_and_done_when_the_chief_is(name):
    run = rendered(name)
    assert run.job["completionMode"] == "Indexed"
    assert run.job["completions"] == run.job["parallelism"] == int(environment(run)["TF_WORKERS"])
    assert run.job["successPolicy"] == {"rules": [{"succeededIndexes": "0"}]}
    assert "backoffLimitPerIndex" not in run.job


@pytest.mark.parametrize("name", SEVERAL_MACHINES)
def test_workers_know_one_another_s_names(name):
    for run in (rendered(name), customised(name)):
        known = environment(run)
        label = "metadata.labels['batch.kubernetes.io/job-name']"
        # The version is said, so that a server-side apply finds what a client-side one wrote.
        assert known["JOB_NAME"] == {"fieldRef": {"apiVersion": "v1", "fieldPath": label}}
        ports = {each["name"]: each["containerPort"] for each in run.container["ports"]}
        assert ports["tensorflow"] == int(known["TF_PORT"]) == 2222
        if run.workload["kind"] == "TrainJob":
            assert "subdomain" not in job_set_of(run.described_by)["network"]  # it is the name
            name_label = "metadata.labels['jobset.sigs.k8s.io/jobset-name']"
            assert known["TF_SUBDOMAIN"]["fieldRef"]["fieldPath"] == name_label
        elif run.workload["kind"] == "JobSet":
            network = run.workload["spec"]["network"]
            assert network["enableDNSHostnames"] and network["publishNotReadyAddresses"]
            assert network["subdomain"] == known["TF_SUBDOMAIN"]
            assert network["subdomain"] == run.workload["metadata"]["name"]
        else:
            (service,) = (each for each in of_kind(run, "Service") if is_headless(each))
            assert service["metadata"]["name"] == known["TF_SUBDOMAIN"] == run.pod["subdomain"]
            assert service["spec"]["publishNotReadyAddresses"] is True
            selector = {"batch.kubernetes.io/job-name": run.job_name}
            assert service["spec"]["selector"] == selector
            assert [each["port"] for each in service["spec"]["ports"]] == [2222]


@pytest.mark.parametrize("name", SEVERAL_MACHINES)
def test_workers_are_spread_over_machines_where_there_are_as_many(name):
    run = rendered(name)
    (spread,) = run.pod["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["maxSkew"]) == ("kubernetes.io/hostname", 1)
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    labels = run.job["template"]["metadata"]["labels"]
    assert spread["labelSelector"]["matchLabels"].items() <= labels.items()
    assert spread["matchLabelKeys"] == ["batch.kubernetes.io/job-name"]  # of this run only


@pytest.mark.parametrize("name", ["gke-single-spot", "gke-multi-spot"])
def test_the_pods_of_a_job_set_are_those_of_the_job(name):
    job = rendered(f"{name}-job")
    subdomain = {"subdomain": "fashion-gan"} if job.is_indexed else {}
    assert rendered(name).pod | subdomain == job.pod


# Kubeflow Trainer


def test_a_train_job_s_pods_are_those_of_the_job_set():
    train_job, job_set = rendered("gke-multi-spot-trainjob"), rendered("gke-multi-spot")
    for run in (train_job, job_set):
        run.container["env"] = [x for x in run.container["env"] if x["name"] != "TF_SUBDOMAIN"]
    assert train_job.container.pop("name") == "node"  # by which Trainer finds it
    assert job_set.container.pop("name") == "trainer"
    assert train_job.pod == job_set.pod


def test_trainer_knows_the_part_of_a_runtime_that_trains_and_how_many_it_has():
    run = rendered("gke-multi-spot-trainjob")
    (part,) = job_set_of(run.described_by)["replicatedJobs"]
    assert part["name"] == "node" and part["replicas"] == 1
    step = part["template"]["metadata"]["labels"]["trainer.kubeflow.org/trainjob-ancestor-step"]
    assert step == "trainer"
    assert run.described_by["spec"]["mlPolicy"] == {"numNodes": run.job["completions"]}
    assert run.job_name == "fashion-gan-node-0"


def test_a_runtime_comes_before_its_train_job_which_would_be_refused():
    run = rendered("gke-multi-spot-trainjob")
    assert run.objects.index(run.described_by) < run.objects.index(run.workload)


# Arguments


def test_every_argument_is_the_trainer_s_and_the_replicas_share_the_batch(custom):
    command, *arguments = custom.container["args"]
    config = flags.train([command, *arguments])
    gpus = int(custom.container["resources"]["limits"].get("nvidia.com/gpu", 1))
    assert command == "train" and "command" not in custom.container
    assert (config.runtime.strategy == "multi_worker") == custom.is_indexed
    checks.check_replicas(config.recipe, gpus * custom.job.get("completions", 1))


@pytest.mark.parametrize("name", OVERLAYS)
def test_workers_that_lose_another_wait_for_it_in_place(name):
    expected = 3 if name in SEVERAL_MACHINES else 0
    config = flags.train(rendered(name).container["args"])
    assert config.rejoin == expected
    if expected:
        assert config.runtime.cluster_timeout > LONGEST_WAIT_SECONDS + 300


LONGEST_WAIT_SECONDS = 600  # of a Job, from the seventh failure on


def test_runs_and_data_outlive_pods(overlay):
    claims = {each["name"] for each in overlay.pod["volumes"] if "persistentVolumeClaim" in each}
    mounts = overlay.container["volumeMounts"]
    kept = ("gs://", *(f"{each['mountPath']}/" for each in mounts if each["name"] in claims))
    for name in ("--job_dir=", "--data_dir="):
        (value,) = (each for each in overlay.container["args"] if each.startswith(name))
        assert value.removeprefix(name).startswith(kept)


def test_tensorboard_shows_the_run_to_those_who_forward_a_port(custom):
    deployment = custom.of_kind("Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    parser = argparse.ArgumentParser()
    CorePluginLoader().define_flags(parser)
    board = parser.parse_args(container["args"])
    assert container["command"] == ["tensorboard"]
    (job_dir,) = (each for each in custom.container["args"] if each.startswith("--job_dir="))
    assert board.logdir == job_dir.removeprefix("--job_dir=") + "/tensorboard"
    assert (board.load_fast, board.reload_interval) == ("false", 120)
    assert board.reload_multifile is True
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert container["resources"]["limits"]["memory"] == "4Gi"
    (service,) = (each for each in of_kind(custom, "Service") if not is_headless(each))
    assert service["spec"]["type"] == "ClusterIP"
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    (port,) = service["spec"]["ports"]
    assert board.port == port["port"] == container["ports"][0]["containerPort"] == 6006
    assert board.host == "0.0.0.0"


def test_images_are_pinned_and_one_for_all(overlay):
    images = {container["image"] for pod in pods(overlay) for container in pod["containers"]}
    (image,) = images
    assert re.fullmatch(r"fashion-gan:\d+\.\d+\.\d+", image)
