"""What was submitted under a name: the run's own account in the cluster keeps the list."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.submission import kubectl, workload
from trainer.system.exits import RefusedError

OBJECTS = "fashion-gan/objects"  # the annotation of the account


@dataclass(frozen=True)
class Submitted:
    """A run in the cluster."""

    namespace: str
    name: str
    objects: tuple[str, ...]  # all of its own, as kind/name

    @property
    def workload(self) -> str:
        """Its Job, JobSet or TrainJob."""
        return next(each for each in self.objects if workload.is_workload(each))

    @property
    def evaluations(self) -> tuple[str, ...]:
        """Its CronJob, if it has one."""
        return tuple(each for each in self.objects if each.startswith("cronjob/"))


def account_of(name: str) -> str:
    """The account of the run of that name, as kind/name."""
    return f"serviceaccount/fashion-gan-{name}"


def look_up(namespace: str, name: str) -> Submitted | None:
    """The run of that name, if there is one.

    Raises:
      RefusedError: there is no kubectl.
      KubectlError: the cluster does not answer.
    """
    account = kubectl.get(namespace, account_of(name))
    noted = (account or {"metadata": {}})["metadata"].get("annotations", {}).get(OBJECTS, "")
    return Submitted(namespace, name, tuple(noted.split())) if noted else None


def find(namespace: str, name: str) -> Submitted:
    """The run of that name.

    Raises:
      RefusedError: there is none, or no kubectl.
      KubectlError: the cluster does not answer.
    """
    found = look_up(namespace, name)
    if found is None:
        known = kubectl.command(kubectl.in_(namespace), "get", "serviceaccounts")
        raise RefusedError(
            f"no run {name} was submitted to the namespace {namespace} (see {known})"
        )
    return found
