"""What a run is in a cluster: its own objects, and those that all runs of a namespace share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scripts.submission import workload
from scripts.submission.kubectl import Object

# What describes the trainers' pods, and where.
PODS = {
    "Job": "/spec",
    "JobSet": "/spec/replicatedJobs/0/template/spec",
    "TrainingRuntime": "/spec/template/spec/replicatedJobs/0/template/spec",
}
# A run's own; the others are shared by all runs.
RUN_KINDS = (*PODS, "TrainJob", "CronJob", "Deployment", "Service", "ServiceAccount")


@dataclass(frozen=True)
class Run:
    """A run's objects, and those that it shares."""

    objects: tuple[Object, ...]

    @property
    def workload(self) -> Object:
        """The Job, JobSet or TrainJob."""
        return next(each for each in self.objects if each["kind"] in workload.KINDS)

    @property
    def described_by(self) -> Object:
        """What describes its pods: the workload, or a TrainJob's runtime."""
        return next(each for each in self.objects if each["kind"] in PODS)

    @property
    def job(self) -> Object:
        """The specification of its Job."""
        found: Any = self.described_by
        for key in PODS[found["kind"]].strip("/").split("/"):
            found = found[int(key) if key.isdecimal() else key]
        job: Object = found
        return job

    @property
    def job_name(self) -> str:
        """The name that its Job has in the cluster."""
        return workload.job_name(reference(self.workload))

    @property
    def pod(self) -> Object:
        """The specification of the trainers' pods."""
        found: Object = self.job["template"]["spec"]
        return found

    @property
    def container(self) -> Object:
        """The trainers' container."""
        found: Object = self.pod["containers"][0]
        return found

    @property
    def is_indexed(self) -> bool:
        """Whether it is made for several workers."""
        return self.job.get("completionMode") == "Indexed"

    @property
    def own(self) -> tuple[str, ...]:
        """Its own objects, as kind/name."""
        return tuple(reference(each) for each in self.objects if each["kind"] in RUN_KINDS)

    def of_kind(self, kind: str) -> Object:
        """The only object of that kind."""
        (found,) = (each for each in self.objects if each["kind"] == kind)
        return found


def reference(each: Object) -> str:
    """How kubectl calls an object."""
    return f"{each['kind'].lower()}/{each['metadata']['name']}"
