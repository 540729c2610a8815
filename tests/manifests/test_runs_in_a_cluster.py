"""scripts/submit and a run that is in the cluster: again, and what can be done with it."""

from __future__ import annotations

import copy
import functools
import json
import subprocess
import sys

import pytest

from scripts.submission import command_line
from scripts.submission.kubectl import Object
from scripts.submission.main import main
from scripts.submission.render import render
from scripts.submission.run_objects import Run, reference
from tests.command import ROOT
from tests.manifests.cluster import Cluster
from trainer.system import exits

SCRIPT = ROOT / "scripts" / "submit"
RUN = ("--name=a", "--image=gan:1.2", "--job_dir=gs://bucket/runs/a")
JOB_SET = ("--overlay=gke-multi-spot", *RUN)
JOB = ("--overlay=gke-multi-spot-job", *RUN)
TRAIN_JOB = ("--overlay=gke-multi-spot-trainjob", *RUN)
QUEUED = (*JOB_SET, "--components=kueue")
WORKLOADS = {"job": JOB, "jobset": JOB_SET, "trainjob": TRAIN_JOB}
PODS = {
    "job": "fashion-gan-a",
    "jobset": "fashion-gan-a-worker-0",
    "trainjob": "fashion-gan-a-node-0",
}
EVALUATION = "cronjob/evaluation-a"
KUEUES = "workload.kueue.x-k8s.io/jobset-fashion-gan-a-1234"


def submit(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The script as a user calls it."""
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=60
    )


def submitted(
    cluster: Cluster, order: tuple[str, ...], condition: str = "", **spec: object
) -> None:
    """Has the cluster hold a run that was submitted."""
    cluster.has_run(copy.deepcopy(rendered(order)), condition or None, **spec)


@functools.cache
def rendered(order: tuple[str, ...]) -> Run:
    """What submitting applies."""
    return render(command_line.order([*order], "")[0])


def workload_of_kueue(cluster: Cluster, **spec: object) -> None:
    """Has Kueue have taken up the run."""
    name = KUEUES.partition("/")[2]
    cluster.has_workloads(KUEUES)
    cluster.has(f"workloads.kueue.x-k8s.io/{name}", {"metadata": {"name": name}, "spec": spec})
    cluster.has(KUEUES, {"metadata": {"name": name}, "spec": spec})


def patch(name: str, spec: str) -> str:
    return f'patch {name} --type=merge --patch={{"spec":{spec}}}'


def pod(name: str, index: int | None, created: str) -> Object:
    labels = {} if index is None else {"batch.kubernetes.io/job-completion-index": str(index)}
    return {"metadata": {"name": name, "labels": labels, "creationTimestamp": created}}


# The same name again


@pytest.mark.parametrize(
    ("kind", "condition"),
    [("job", "Complete"), ("jobset", "Completed"), ("trainjob", "Failed")],
)
def test_a_run_that_has_ended_is_made_anew(kind, condition, cluster):
    submitted(cluster, WORKLOADS[kind], condition)
    assert main([*WORKLOADS[kind]]) == exits.OK
    delete, wait, apply = cluster.changes()
    assert delete == f"delete {kind}/fashion-gan-a --ignore-not-found"
    assert f"job-name={PODS[kind]} " in wait and apply == "apply --filename=-"


def test_so_is_one_that_was_stopped_or_is_being_deleted(cluster):
    submitted(cluster, JOB_SET, suspend=True)
    assert main([*JOB_SET]) == exits.OK

    submitted(cluster, JOB_SET)
    workload = json.loads(cluster.read("jobset/fashion-gan-a"))
    workload["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cluster.has("jobset/fashion-gan-a", workload)
    assert main([*JOB_SET]) == exits.OK


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_run_that_has_not_ended_is_left_alone(kind, cluster, capsys):
    submitted(cluster, WORKLOADS[kind])
    capsys.readouterr()
    assert main([*WORKLOADS[kind]]) == exits.REFUSED
    said = capsys.readouterr().err
    assert f"{kind}/fashion-gan-a exists and has not ended" in said and said.count("\n") == 1
    assert "scripts/submit stop a" in said
    assert not cluster.changes()


@pytest.mark.parametrize("active", [True, None])
def test_so_is_one_that_waits_in_a_queue(active, cluster):
    submitted(cluster, QUEUED, "Suspended", suspend=True)
    if active is not None:
        workload_of_kueue(cluster, active=active)
    assert main([*QUEUED]) == exits.REFUSED
    assert not cluster.changes()


def test_a_run_may_become_one_of_another_kind_and_leaves_nothing_behind(cluster, capsys):
    submitted(cluster, JOB)
    assert main([*JOB_SET]) == exits.REFUSED
    assert "job/fashion-gan-a exists" in capsys.readouterr().err

    cluster.has("job/fashion-gan-a", json.loads(cluster.read("job/fashion-gan-a")) | ended())
    assert main([*JOB_SET]) == exits.OK
    deleted = [line for line in cluster.changes() if line.startswith("delete")]
    assert deleted == [
        "delete job/fashion-gan-a --ignore-not-found",
        "delete service/fashion-gan-a job/fashion-gan-a --ignore-not-found",
    ]


def ended() -> Object:
    return {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}


def test_a_job_of_an_earlier_version_which_kept_no_list_is_not_run_beside(cluster, capsys):
    cluster.has("job/fashion-gan-a", {"metadata": {"name": "fashion-gan-a"}, "status": {}})
    assert main([*JOB_SET]) == exits.REFUSED
    assert "job/fashion-gan-a exists and has not ended" in capsys.readouterr().err


# What can be done with it


@pytest.mark.parametrize("kind", WORKLOADS)
def test_stop_suspends_the_run_and_its_evaluations_and_resume_takes_both_up(kind, cluster):
    submitted(cluster, WORKLOADS[kind])
    workload = f"{kind}/fashion-gan-a"

    stopped = submit("stop", "a")

    assert stopped.returncode == exits.OK, stopped.stderr
    suspend = [patch(workload, '{"suspend":true}'), patch(EVALUATION, '{"suspend":true}')]
    assert cluster.changes() == suspend
    assert stopped.stderr.count("+ kubectl --namespace=fashion-gan patch ") == 2  # it says so

    submitted(cluster, WORKLOADS[kind], suspend=True)
    assert submit("resume", "a").returncode == exits.OK
    assert cluster.changes() == [each.replace("true", "false") for each in suspend]


def test_in_a_queue_kueue_is_asked_to_stop_and_to_resume(cluster):
    submitted(cluster, QUEUED, suspend=False)
    early = submit("stop", "a")
    assert early.returncode == exits.REFUSED and "try again in a moment" in early.stderr

    workload_of_kueue(cluster, active=True)
    assert submit("stop", "a").returncode == exits.OK
    kueues = f"workloads.kueue.x-k8s.io/{KUEUES.partition('/')[2]}"
    stop = [patch(kueues, '{"active":false}'), patch(EVALUATION, '{"suspend":true}')]
    assert cluster.changes() == stop

    assert submit("resume", "a").returncode == exits.OK
    assert cluster.changes()[2:] == [
        patch(kueues, '{"active":true}'),
        patch(EVALUATION, '{"suspend":false}'),
    ]


def test_stop_puts_to_rest_the_evaluations_of_a_run_that_is_complete(cluster):
    submitted(cluster, JOB_SET, "Completed")
    done = submit("stop", "a")
    assert done.returncode == exits.OK and "jobset/fashion-gan-a is complete" in done.stderr
    assert cluster.changes() == [patch(EVALUATION, '{"suspend":true}')]


def test_evaluations_that_were_deleted_by_hand_are_not_missed(cluster):
    submitted(cluster, JOB_SET)
    cluster.lacks(EVALUATION)
    assert submit("stop", "a").returncode == exits.OK
    assert cluster.changes() == [patch("jobset/fashion-gan-a", '{"suspend":true}')]


@pytest.mark.parametrize("condition", ["Completed", "Failed"])
def test_resume_leaves_to_submit_what_has_ended(condition, cluster):
    submitted(cluster, JOB_SET, condition)
    done = submit("resume", "a")
    assert done.returncode == exits.REFUSED and "submit it again to continue" in done.stderr
    assert not cluster.changes()


@pytest.mark.parametrize("kind", WORKLOADS)
def test_delete_removes_all_that_is_the_run_s_own_once_it_has_saved(kind, cluster):
    submitted(cluster, WORKLOADS[kind])
    run = rendered(WORKLOADS[kind])

    assert submit("delete", "a").returncode == exits.OK

    first, wait, *others = cluster.changes()
    assert first == f"delete {kind}/fashion-gan-a --ignore-not-found"
    assert wait.startswith(
        f"wait --for=delete pod --selector=batch.kubernetes.io/job-name={PODS[kind]} "
    )
    deleted = " ".join([first, *others]).replace("--ignore-not-found", "").split()
    own = {reference(each) for each in run.objects if each["metadata"]["name"].endswith("-a")}
    assert set(deleted) - {"delete"} == own
    assert others[-1] == "delete serviceaccount/fashion-gan-a --ignore-not-found"  # with the list
    assert submit("status", "a").returncode == exits.REFUSED  # there is none any more


@pytest.mark.parametrize("overlay", [JOB_SET, ("--overlay=gke-single-spot-job", *RUN)])
def test_logs_follow_the_chief_s_last_pod_and_no_other_however_many_there_are(overlay, cluster):
    submitted(cluster, overlay)
    several = overlay is JOB_SET
    cluster.has_pods(
        pod("first", 0 if several else None, "2026-01-01T00:00:00Z"),
        *(pod(f"worker-{i}", i, "2026-01-03T00:00:00Z") for i in range(1, 8) if several),
        pod("last", 0 if several else None, "2026-01-02T00:00:00Z"),
        pod("second", 0 if several else None, "2026-01-01T12:00:00Z"),
    )
    done = submit("logs", "a")
    assert done.returncode == exits.OK, done.stderr
    assert "+ kubectl --namespace=fashion-gan logs --follow --tail=-1 pod/last\n" in done.stderr
    assert cluster.calls()[-1] == "logs --follow --tail=-1 pod/last"


def test_logs_of_a_run_without_pods_say_why_there_are_none(cluster):
    submitted(cluster, JOB_SET, suspend=True)
    done = submit("logs", "a")
    assert done.returncode == exits.REFUSED
    assert "no pod, so there is no log: jobset/fashion-gan-a is stopped" in done.stderr


@pytest.mark.parametrize(
    ("order", "condition", "spec", "says"),
    [
        (JOB_SET, "", {}, "jobset/fashion-gan-a is submitted"),
        (JOB, "Complete", {}, "job/fashion-gan-a is complete"),
        (TRAIN_JOB, "Failed", {}, "trainjob/fashion-gan-a has failed"),
        (JOB, "", {"suspend": True}, "job/fashion-gan-a is stopped"),
        (QUEUED, "", {"suspend": True}, "jobset/fashion-gan-a is waiting in the queue fashion-gan"),
    ],
)
def test_status_says_how_a_run_stands_and_shows_it(order, condition, spec, says, cluster):
    submitted(cluster, order, condition, **spec)
    done = submit("status", "a")
    assert done.returncode == exits.OK, done.stderr
    assert done.stdout.startswith(says)
    shown = [line for line in cluster.calls() if "json" not in line and "name" not in line.split()]
    assert any(line.startswith("get ") and EVALUATION in line for line in shown)
    assert any(line.startswith("get pods ") for line in shown)


def test_status_of_a_run_whose_job_was_cleared_away(cluster):
    submitted(cluster, JOB_SET)
    cluster.lacks("jobset/fashion-gan-a")
    done = submit("status", "a")
    assert done.returncode == exits.OK and "is gone" in done.stdout


@pytest.mark.parametrize("verb", ["status", "logs", "stop", "resume", "delete"])
def test_a_run_that_was_never_submitted_is_said_to_be_none(verb, cluster):
    done = submit(verb, "a", "--namespace=team")
    assert done.returncode == exits.REFUSED and done.stderr.count("\n") == 1
    assert "no run a was submitted to the namespace team" in done.stderr
    assert not cluster.changes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["stop"], "name"),
        (["stop", "A"], "--name=A must be"),
        (["stop", "a", "b"], "unrecognized arguments: b"),
        (["stop", "a", "--namespace=a.b"], "cannot be a namespace's name"),
    ],
)
def test_a_verb_needs_a_name_that_can_be(arguments, says, cluster):
    done = submit(*arguments)
    assert done.returncode == exits.REFUSED and says in done.stderr
    assert cluster.calls() == []


def test_the_verbs_need_nothing_but_python(cluster: Cluster, monkeypatch):
    submitted(cluster, JOB_SET)
    hidden = ("absl", "numpy", "yaml", "PIL", "tensorflow")
    (cluster.folder / "sitecustomize.py").write_text(
        f"import sys\nfor name in {hidden}:\n    sys.modules[name] = None\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(cluster.folder))
    assert submit("stop", "a").returncode == exits.OK
    without = subprocess.run([sys.executable, "-c", "import yaml"], capture_output=True)
    assert without.returncode != 0
