"""What a run is in a cluster: an overlay of k8s/, rendered and made one run's own.

Used by scripts/submit.
"""

from __future__ import annotations

import itertools
import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from trainer.configuration import checks, choices, flags
from trainer.configuration.config import TrainConfig
from trainer.system.exits import RefusedError

K8S = Path(__file__).resolve().parents[2] / "k8s"
PODS = {"Job": "/spec", "JobSet": "/spec/replicatedJobs/0/template/spec"}  # what describes them
# A run's own; the others are shared by all runs.
RUN_KINDS = (*PODS, "CronJob", "Deployment", "Service")
IDENTITY = "iam.gke.io/gcp-service-account"

Object = dict[str, Any]


class KubectlError(Exception):
    """kubectl failed; it has said why."""


@dataclass(frozen=True)
class Order:
    """What is asked for."""

    overlay: str
    components: tuple[str, ...]  # beside the overlay's own
    name: str
    namespace: str
    image: str
    job_dir: str
    workers: int | None  # pods; None: as the overlay says
    gpus: int | None  # of each pod; None: as the overlay says
    google_account: str | None  # None: as the overlay says
    training: tuple[str, ...]  # flags of `fashion-gan train`


@dataclass(frozen=True)
class Run:
    """A run's objects, and those that it shares."""

    objects: tuple[Object, ...]

    @property
    def workload(self) -> Object:
        """The Job or JobSet."""
        return next(each for each in self.objects if each["kind"] in PODS)

    @property
    def job(self) -> Object:
        """The specification of its Job."""
        spec = self.workload["spec"]
        return spec if self._set_part is None else self._set_part["template"]["spec"]

    @property
    def job_name(self) -> str:
        """The name that its Job has in the cluster."""
        name = self.workload["metadata"]["name"]
        return name if self._set_part is None else f"{name}-{self._set_part['name']}-0"

    @property
    def pod(self) -> Object:
        """The specification of the trainers' pods."""
        return self.job["template"]["spec"]

    @property
    def container(self) -> Object:
        """The trainers' container."""
        return self.pod["containers"][0]

    @property
    def is_indexed(self) -> bool:
        """Whether it is made for several workers."""
        return self.job.get("completionMode") == "Indexed"

    @property
    def _set_part(self) -> Object | None:
        parts = self.workload["spec"].get("replicatedJobs")
        return None if parts is None else parts[0]

    def of_kind(self, kind: str) -> Object:
        """The only object of that kind."""
        (found,) = (each for each in self.objects if each["kind"] == kind)
        return found


def folders(kind: str) -> list[str]:
    """The overlays or components that there are."""
    return sorted(path.parent.name for path in (K8S / kind).glob("*/kustomization.yaml"))


def render(order: Order) -> Run:
    """The overlay as this run's own.

    Raises:
      RefusedError: the trainer would refuse its flags, or the pods have no place for it.
    """
    overlay = _render(order, [])
    arguments = _arguments(order, overlay.container["args"])
    limits = overlay.container["resources"]["limits"]
    gpus = int(limits.get("nvidia.com/gpu", 0)) if order.gpus is None else order.gpus
    workers = overlay.job.get("completions", 1) if order.workers is None else order.workers
    config = flags.train_elsewhere(arguments)
    _check(overlay, config, arguments, workers, gpus)
    trainers = [*_trainers(overlay, order, arguments), *_gpus(overlay, gpus)]
    if overlay.is_indexed:
        trainers += _workers(overlay, workers)
    patches = {
        overlay.workload["kind"]: trainers,
        "CronJob": _evaluation(overlay.of_kind("CronJob"), order, arguments),
        "Deployment": _tensorboard(overlay.of_kind("Deployment"), order),
        "ServiceAccount": _identity(overlay.of_kind("ServiceAccount"), order),
    }
    run = _render(
        order,
        [
            # JSON patches: a merge would delete a JobSet's containers.
            {"target": {"kind": kind}, "patch": json.dumps(operations)}
            for kind, operations in patches.items()
            if operations
        ],
    )
    if config.recipe.data.dataset in choices.CLASSIFIED:
        return run
    # Each evaluation would be refused.
    return Run(tuple(each for each in run.objects if each["kind"] != "CronJob"))


def _render(order: Order, patches: list[Object]) -> Run:
    # Not nameSuffix, which would rename what all runs share, too.
    suffix = {
        "apiVersion": "builtin",
        "kind": "SuffixTransformer",
        "metadata": {"name": "run"},
        "suffix": f"-{order.name}",
        "fieldSpecs": [{"path": "metadata/name", "kind": kind} for kind in RUN_KINDS],
    }
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()  # Kustomize takes relative paths, from where links lead
        kustomization = {
            "namespace": order.namespace,
            "resources": [os.path.relpath(K8S / "overlays" / order.overlay, folder)],
            "components": [
                os.path.relpath(K8S / "components" / name, folder) for name in order.components
            ],
            "patches": patches,
            "transformers": [json.dumps(suffix)],
        }
        (folder / "kustomization.yaml").write_text(json.dumps(kustomization), encoding="utf-8")
        return Run(tuple(yaml.safe_load_all(kubectl("kustomize", made))))


def _arguments(order: Order, overlays: list[str]) -> list[str]:
    """The trainer's arguments: the overlay's, then the user's, who wins."""
    if _value("job_dir", order.training):
        raise RefusedError("--job_dir stands before the --, where TensorBoard gets it, too")
    if _value("flagfile", order.training):
        raise RefusedError("--flagfile names a file that pods do not have: give what is in it")
    replaced = ["--job_dir="]
    chosen = [f"--job_dir={order.job_dir}"]
    if order.job_dir.startswith("gs://") and not _value("data_dir", order.training):
        bucket = order.job_dir.removeprefix("gs://").split("/")[0]
        replaced.append("--data_dir=")
        chosen.append(f"--data_dir=gs://{bucket}/tensorflow_datasets")
    kept = [each for each in overlays if not each.startswith(tuple(replaced))]
    return [*kept, *chosen, *order.training]


def _check(overlay: Run, config: TrainConfig, given: list[str], workers: int, gpus: int) -> None:
    strategy = config.runtime.strategy
    if (strategy == "multi_worker") != overlay.is_indexed:
        raise RefusedError(f"--strategy={strategy} does not fit the overlay: leave it out")
    if workers > 1 and not overlay.is_indexed:
        raise RefusedError(f"--workers={workers} needs an overlay of several machines")
    devices = max(gpus, config.runtime.virtual_devices)
    if strategy == "mirrored" and not devices:
        raise RefusedError("--gpus=0 leaves nothing to mirror on: add -- --strategy=auto")
    checks.check_replicas(config.recipe, workers * max(1, devices))
    claims = {each["name"] for each in overlay.pod["volumes"] if "persistentVolumeClaim" in each}
    mounts = overlay.container["volumeMounts"]
    volumes = [mount["mountPath"] for mount in mounts if mount["name"] in claims]
    for name in ("job_dir", "data_dir"):
        path = _value(name, given)
        if not _outlives_its_pod(path, volumes):
            where = " or ".join(["gs://BUCKET/...", *(f"{volume}/..." for volume in volumes)])
            raise RefusedError(f"--{name}={path} would be lost with its pod: use {where}")


def _value(name: str, arguments: Sequence[str]) -> str:
    """What a flag was given last, in either form; nothing if it was not."""
    value = ""
    for argument, following in itertools.pairwise([*arguments, ""]):
        flag, equals, text = argument.partition("=")
        if flag in (f"--{name}", f"-{name}"):
            value = text if equals else following
    return value


def _outlives_its_pod(path: str, volumes: list[str]) -> bool:
    inside = tuple(f"{volume}/" for volume in volumes)
    return path.startswith("gs://") or os.path.normpath(path).startswith(inside)


def _trainers(overlay: Run, order: Order, arguments: list[str]) -> list[Object]:
    container = _container(overlay)
    return [_put(f"{container}/image", order.image), _put(f"{container}/args", arguments)]


def _workers(overlay: Run, workers: int) -> list[Object]:
    """Their number, which stands at three places."""
    job = PODS[overlay.workload["kind"]]
    place = [each["name"] for each in overlay.container["env"]].index("TF_WORKERS")
    return [
        _put(f"{job}/completions", workers),
        _put(f"{job}/parallelism", workers),
        _put(f"{_container(overlay)}/env/{place}/value", str(workers)),
    ]


def _gpus(overlay: Run, gpus: int) -> list[Object]:
    operations: list[Object] = []
    for side, resources in overlay.container["resources"].items():
        path = f"{_container(overlay)}/resources/{side}/nvidia.com~1gpu"
        if gpus:
            operations.append({"op": "add", "path": path, "value": str(gpus)})
        elif "nvidia.com/gpu" in resources:
            operations.append({"op": "remove", "path": path})
    return operations


def _evaluation(cron_job: Object, order: Order, trainers: list[str]) -> list[Object]:
    """At the trainers' run and data."""
    container = "/spec/jobTemplate/spec/template/spec/containers/0"
    pod = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    replaced = ("--job_dir=", "--data_dir=")
    arguments = [
        *(each for each in pod["containers"][0]["args"] if not each.startswith(replaced)),
        f"--job_dir={order.job_dir}",
        f"--data_dir={_value('data_dir', trainers)}",
    ]
    flags.evaluate(arguments)
    return [_put(f"{container}/image", order.image), _put(f"{container}/args", arguments)]


def _tensorboard(deployment: Object, order: Order) -> list[Object]:
    container = "/spec/template/spec/containers/0"
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    kept = [each for each in arguments if not each.startswith("--logdir=")]
    logdir = f"--logdir={order.job_dir.rstrip('/')}/tensorboard"
    return [_put(f"{container}/image", order.image), _put(f"{container}/args", [logdir, *kept])]


def _identity(account: Object, order: Order) -> list[Object]:
    if order.google_account is None:
        return []
    if IDENTITY not in account["metadata"].get("annotations", {}):
        raise RefusedError("--google_account needs --components=workload-identity")
    path = f"/metadata/annotations/{IDENTITY.replace('/', '~1')}"
    return [_put(path, order.google_account)]


def _container(overlay: Run) -> str:
    return f"{PODS[overlay.workload['kind']]}/template/spec/containers/0"


def _put(path: str, value: object) -> Object:
    return {"op": "replace", "path": path, "value": value}


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Runs kubectl and returns what it prints.

    Raises:
      RefusedError: there is none.
      KubectlError: it failed.
    """
    command = ["kubectl", *arguments]
    try:
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, text=True, check=True)
    except FileNotFoundError as error:
        raise RefusedError("kubectl is not installed: it is what speaks to the cluster") from error
    except subprocess.CalledProcessError as error:
        raise KubectlError(f"`{shlex.join(command)}` failed: see above") from error
    return done.stdout
