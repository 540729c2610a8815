"""The evaluation beside the training, as Kustomize renders it."""

from __future__ import annotations

import pytest

from scripts.submission.run_objects import Run
from tests.manifests.rendering import (
    DISRUPTED,
    OVERLAYS,
    Object,
    customised,
    evaluation,
    of_kind,
    on_exit,
    rendered,
)
from trainer.configuration import flags
from trainer.system import exits


def container_of(run: Run) -> Object:
    (container,) = evaluation(run)["template"]["spec"]["containers"]
    return dict(container)


def test_it_measures_what_is_new_of_the_run_that_is_trained_and_exits(custom):
    container = container_of(custom)
    config, trained = flags.evaluate(container["args"]), flags.train(custom.container["args"])
    assert container["args"][0] == "evaluate" and "command" not in container
    assert config.new and not config.watch
    assert (config.job_dir, config.places) == (trained.job_dir, trained.places)


def test_one_at_a_time_and_one_that_hangs_makes_way(overlay):
    spec, job = overlay.of_kind("CronJob")["spec"], evaluation(overlay)
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["schedule"] == "*/10 * * * *"
    assert 10 < spec["startingDeadlineSeconds"] < 600  # less than 10 s may never start one
    assert job["activeDeadlineSeconds"] == 3600
    assert job["ttlSecondsAfterFinished"] == overlay.job.get("ttlSecondsAfterFinished", 86400)
    assert spec["successfulJobsHistoryLimit"] == spec["failedJobsHistoryLimit"] == 3


def test_a_run_that_is_submitted_again_is_evaluated_again(overlay):
    # Said, and not left out: what was patched meanwhile would stay.
    assert overlay.of_kind("CronJob")["spec"]["suspend"] is False


def test_it_retries_what_a_retry_can_help(overlay):
    job = evaluation(overlay)
    assert job["podFailurePolicy"]["rules"] == [
        {"action": "Ignore"} | DISRUPTED,
        {"action": "Ignore"} | on_exit("evaluation", exits.INTERRUPTED),
        {"action": "FailJob"} | on_exit("evaluation", exits.REFUSED),
    ]
    assert container_of(overlay)["name"] == "evaluation"  # whom the rules name
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert job["podReplacementPolicy"] == "Failed"
    assert job["backoffLimit"] == 1


def test_it_is_one_pod_that_knows_of_no_cluster_and_serves_nothing(custom):
    job, container = evaluation(custom), container_of(custom)
    assert job.keys().isdisjoint({"completionMode", "completions", "parallelism"})
    assert {each["name"] for each in container["env"]} == {"TMPDIR", "TMPDIR_BYTES", "HOME"}
    assert "subdomain" not in job["template"]["spec"] and "ports" not in container
    assert not any(each.startswith("--metrics_port") for each in container["args"])


def test_it_takes_processors_and_no_gpu(custom):
    resources = container_of(custom)["resources"]
    assert "nvidia.com/gpu" not in resources["requests"] | resources["limits"]
    assert resources["requests"]["memory"] == resources["limits"]["memory"]


@pytest.mark.parametrize("name", [name for name in OVERLAYS if name != "local"])
def test_it_has_room_for_copies_of_the_run_and_its_data(name):
    run = rendered(name)
    ours, trainers = (each["resources"] for each in (container_of(run), run.container))
    for side in ("requests", "limits"):
        assert ours[side]["ephemeral-storage"] == trainers[side]["ephemeral-storage"]
    scratch = {"name": "tmp", "emptyDir": {"sizeLimit": "10Gi"}}
    assert scratch in evaluation(run)["template"]["spec"]["volumes"]
    assert scratch in run.pod["volumes"]
    for container in (container_of(run), run.container):
        assert {"name": "TMPDIR_BYTES", "value": str(10 * 2**30)} in container["env"]


@pytest.mark.parametrize("render", [rendered, customised])
def test_its_pods_are_found_by_its_name_and_are_nobody_else_s(render):
    run = render("local")
    cron_job = run.of_kind("CronJob")
    template = cron_job["spec"]["jobTemplate"]
    labels = template["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/instance"] == cron_job["metadata"]["name"]
    assert labels.items() <= template["metadata"]["labels"].items()
    for service in of_kind(run, "Service"):
        assert not service["spec"]["selector"].items() <= labels.items()
