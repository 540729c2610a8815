"""A run's Job, JobSet or TrainJob as the cluster has it: its state, its pods."""

from __future__ import annotations

from scripts.submission.kubectl import Object, ask, get, in_

# What makes a run's pods, and how their Job is called: by its name, and the name of a part.
KINDS = {"Job": "", "JobSet": "-worker-0", "TrainJob": "-node-0"}
ENDED = {"Complete", "Completed", "Failed"}
QUEUE = "kueue.x-k8s.io/queue-name"


def is_workload(reference: str) -> bool:
    """Whether a reference (kind/name) is one's."""
    return _kind(reference) in KINDS


def job_name(reference: str) -> str:
    """The name that its Job has in the cluster."""
    return reference.partition("/")[2] + KINDS[_kind(reference)]


def pods(reference: str) -> str:
    """The flag by which kubectl finds its pods."""
    return f"--selector=batch.kubernetes.io/job-name={job_name(reference)}"


def until_no_pods(reference: str) -> tuple[str, ...]:
    """The words by which kubectl waits until it has none; it may be that they still save."""
    return "wait", "--for=delete", "pod", pods(reference), "--timeout=5m"


def has_ended(workload: Object) -> bool:
    """Whether it is finished, has failed, or is on its way out."""
    return "deletionTimestamp" in workload["metadata"] or _ending(workload) is not None


def is_stopped(namespace: str, workload: Object) -> bool:
    """Whether it was stopped by hand, and does not wait in a queue."""
    if not workload.get("spec", {}).get("suspend"):
        return False
    if not is_queued(workload):
        return True
    queued = queued_as(namespace, workload)
    return queued is not None and not queued["spec"].get("active", True)


def is_queued(workload: Object) -> bool:
    """Whether it is in a queue of Kueue's, which alone decides then whether it is suspended."""
    return QUEUE in workload["metadata"].get("labels", {})


def queued_as(namespace: str, workload: Object) -> Object | None:
    """The Workload that Kueue made for it; None: it has not seen it yet."""
    where = f"--selector=kueue.x-k8s.io/job-uid={workload['metadata']['uid']}"
    names = ask(in_(namespace), "get", "workloads.kueue.x-k8s.io", where, "--output=name").split()
    return get(namespace, names[0]) if names else None


def state(namespace: str, workload: Object | None) -> str:
    """In words."""
    if workload is None:
        return "is gone: it ended more than a day ago, or was deleted"
    if "deletionTimestamp" in workload["metadata"]:
        return "is being deleted"
    ending = _ending(workload)
    if ending is not None:
        failed = ending["type"] == "Failed"
        return f"has failed: {ending.get('message', '')}" if failed else "is complete"
    if is_stopped(namespace, workload):
        return "is stopped"
    if workload["spec"].get("suspend"):
        return f"is waiting in the queue {workload['metadata']['labels'][QUEUE]}"
    return "is submitted"


def _ending(workload: Object) -> Object | None:
    conditions: list[Object] = workload.get("status", {}).get("conditions", [])
    found = (each for each in conditions if each["type"] in ENDED and each["status"] == "True")
    return next(found, None)


def _kind(reference: str) -> str:
    known = {kind.lower(): kind for kind in KINDS}
    return known.get(reference.partition("/")[0], "")
