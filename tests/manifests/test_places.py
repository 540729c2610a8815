"""Overlays and components: what each place needs, and names that follow one another."""

from __future__ import annotations

import itertools
import re

import pytest
import yaml

from scripts.submission.command_line import K8S
from scripts.submission.run_objects import RUN_KINDS
from tests.manifests.crd_models import MODELS
from tests.manifests.rendering import (
    JOB_SETS,
    JOBS,
    OVERLAYS,
    customised,
    of_kind,
    pods,
    rendered,
)
from trainer.configuration import flags
from trainer.monitoring import prometheus

# The clouds


@pytest.mark.parametrize("name", [name for name in OVERLAYS if name != "local"])
def test_spot_machines_with_gpus_take_the_trainers_and_know_who_they_are(name):
    run = rendered(name)
    (account,) = of_kind(run, "ServiceAccount")
    assert run.pod["nodeSelector"] == {"cloud.google.com/gke-spot": "true"}
    assert {each["key"]: each["operator"] for each in run.pod["tolerations"]} == {
        "cloud.google.com/gke-spot": "Equal",
        "nvidia.com/gpu": "Exists",
    }
    assert int(run.container["resources"]["limits"]["nvidia.com/gpu"]) >= 1
    assert account["metadata"]["annotations"].keys() == {"iam.gke.io/gcp-service-account"}
    for other in pods(run)[1:]:  # which need no GPU, and are not to take a spot machine with one
        assert other.keys().isdisjoint({"nodeSelector", "tolerations"})


@pytest.mark.parametrize("name", ["gke-single-spot", "gke-single-spot-job"])
def test_one_machine_mirrors_over_its_gpus(name):
    run = rendered(name)
    assert run.job.get("completions", 1) == run.job.get("parallelism", 1) == 1
    assert "TF_WORKERS" not in {each["name"] for each in run.container["env"]}
    assert int(run.container["resources"]["limits"]["nvidia.com/gpu"]) > 1
    assert "--strategy=mirrored" in run.container["args"]


def test_the_local_overlay_needs_no_gpu_and_keeps_everything_on_a_volume():
    run = rendered("local")
    (claim,) = of_kind(run, "PersistentVolumeClaim")
    assert run.job["completions"] == 2
    assert "nvidia.com/gpu" not in run.container["resources"]["limits"]
    for pod in pods(run):
        volume = {"claimName": claim["metadata"]["name"]}
        assert volume in [each.get("persistentVolumeClaim") for each in pod["volumes"]]


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_an_overlay_needs_beside_kubernetes(name):
    custom = {each["kind"] for each in rendered(name).objects} & MODELS.keys()
    if name.endswith("-trainjob"):
        assert custom == {"TrainJob", "TrainingRuntime"}
    else:
        assert custom == (set() if name in JOBS else {"JobSet"})


def test_kueue_gets_the_run_and_its_evaluations_by_their_labels(custom):
    (queue,) = of_kind(custom, "LocalQueue")
    evaluation = custom.of_kind("CronJob")["spec"]["jobTemplate"]
    for each in (custom.workload, evaluation):
        label = each["metadata"]["labels"]["kueue.x-k8s.io/queue-name"]
        assert queue["metadata"]["name"] == label


def test_evaluations_come_after_runs_in_a_queue(custom):
    lower = custom.of_kind("WorkloadPriorityClass")
    labels = custom.of_kind("CronJob")["spec"]["jobTemplate"]["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/priority-class"] == lower["metadata"]["name"]
    assert "kueue.x-k8s.io/priority-class" not in custom.workload["metadata"]["labels"]
    assert lower["value"] < 0  # which is what runs have


def test_prometheus_finds_the_chief_and_rules_name_what_it_serves(custom):
    (endpoint,) = custom.of_kind("PodMonitor")["spec"]["podMetricsEndpoints"]
    selected = custom.of_kind("PodMonitor")["spec"]["selector"]["matchLabels"]
    ports = {each["name"]: each["containerPort"] for each in custom.container["ports"]}
    config = flags.train(custom.container["args"])
    assert selected == custom.job["template"]["metadata"]["labels"]
    assert ports[endpoint["port"]] == config.runtime.metrics_port > 0
    keep = endpoint["relabelings"][0]
    assert keep["sourceLabels"] == [
        "__meta_kubernetes_pod_label_batch_kubernetes_io_job_completion_index"
    ]
    kept = [index for index in ("", "0", "1", "10") if re.fullmatch(keep["regex"], index)]
    assert kept == ["", "0"]
    groups = custom.of_kind("PrometheusRule")["spec"]["groups"]
    rules = " ".join(rule["expr"] for group in groups for rule in group["rules"])
    named = set(re.findall(r"fashion_gan_\w+", rules))
    assert named and named <= prometheus.METRICS.keys()
    reached = re.search(r'up\{container=~"(.+)", endpoint="(\w+)"\}', rules)
    assert re.fullmatch(reached[1], custom.container["name"]) and reached[2] == endpoint["port"]


# Kustomize's traps


def test_every_name_that_an_object_uses_is_there_whatever_they_are_called(custom):
    there = {(each["kind"], each["metadata"]["name"]) for each in custom.objects}
    used = set()
    for pod in pods(custom):
        used.add(("ServiceAccount", pod["serviceAccountName"]))
        for volume in pod["volumes"]:
            if "persistentVolumeClaim" in volume:
                used.add(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
            if "configMap" in volume:
                used.add(("ConfigMap", volume["configMap"]["name"]))
    for each in of_kind(custom, "TrainJob"):
        used.add(("TrainingRuntime", each["spec"]["runtimeRef"]["name"]))
    assert used <= there
    (notes,) = of_kind(custom, "ConfigMap")
    assert re.fullmatch(r"notes-other-\w{10}", notes["metadata"]["name"])  # by its content
    assert ("ConfigMap", notes["metadata"]["name"]) in used


@pytest.mark.parametrize("name", JOB_SETS)
def test_a_job_set_keeps_its_containers_through_all_patches(name):
    run = customised(name)
    assert len(run.pod["containers"]) == 1
    assert run.container["image"] and "--metrics_port=9464" in run.container["args"]


def test_a_custom_resource_is_never_merged_with():
    for path in K8S.rglob("kustomization.yaml"):
        for patch in yaml.safe_load(path.read_text()).get("patches", []):
            content = yaml.safe_load((path.parent / patch["path"]).read_text())
            targets = patch.get("target", content if isinstance(content, dict) else {})
            if targets.get("kind") in MODELS:
                assert isinstance(content, list), path  # a JSON patch


def test_names_are_given_and_never_generated():
    for path in K8S.rglob("*.yaml"):
        assert "generateName" not in path.read_text(), path


def test_runs_share_nothing_that_is_their_own():
    for name, kind in itertools.product(OVERLAYS, RUN_KINDS):
        own, other = (
            {each["metadata"]["name"] for each in of_kind(run, kind)}
            for run in (rendered(name), customised(name))
        )
        assert len(own) == len(other) and not own & other
    boards = [run.of_kind("Deployment") for run in (rendered("local"), customised("local"))]
    selectors = [each["spec"]["selector"]["matchLabels"] for each in boards]
    assert selectors[0] != selectors[1]
