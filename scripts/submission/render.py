"""An overlay of k8s/, rendered and made one run's own."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import yaml

from scripts.submission import kubectl, patches, workload
from scripts.submission.command_line import K8S
from scripts.submission.kubectl import Object
from scripts.submission.order import Order
from scripts.submission.patches import value_of
from scripts.submission.run_objects import RUN_KINDS, Run
from scripts.submission.submitted import OBJECTS
from trainer.configuration import checks, flags
from trainer.configuration.config import TrainConfig
from trainer.data.datasets import IMAGE_FOLDER
from trainer.system.exits import RefusedError

# Folders of the run's bucket, unless others are asked for, by the trainer's flags.
IN_BUCKET = {"data_dir": "tensorflow_datasets", "cache_dir": "fashion-gan-cache"}
CLUSTER_WIDE = {"WorkloadPriorityClass"}  # which Kustomize does not know to be in no namespace


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
    changes = {
        overlay.described_by["kind"]: [
            *patches.trainers(overlay, order, arguments, workers),
            *patches.gpus(overlay, gpus),
        ],
        "CronJob": patches.evaluation(overlay.of_kind("CronJob"), order, arguments),
        "Deployment": patches.tensorboard(overlay.of_kind("Deployment"), order),
        "ServiceAccount": patches.identity(overlay.of_kind("ServiceAccount"), order),
    }
    run = _render(
        order,
        [
            {"target": {"kind": kind}, "patch": json.dumps(operations)}
            for kind, operations in changes.items()
            if operations
        ],
    )
    # Without test images, or of pictures that are completed, each evaluation would be refused.
    evaluated = config.data.dataset != IMAGE_FOLDER or config.data.folder.test_share > 0
    evaluated &= not config.recipe.completion.masks
    return _noted(
        Run(tuple(each for each in run.objects if evaluated or each["kind"] != "CronJob"))
    )


def _render(order: Order, changes: list[Object]) -> Run:
    # Not nameSuffix, which would rename what all runs share, too.
    suffix = {
        "apiVersion": "builtin",
        "kind": "SuffixTransformer",
        "metadata": {"name": "run"},
        "suffix": f"-{order.name}",
        "fieldSpecs": [{"path": "metadata/name", "kind": kind} for kind in RUN_KINDS],
    }
    overlay = K8S / "overlays" / order.overlay
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()  # Kustomize takes relative paths, from where links lead
        kustomization = {
            "namespace": order.namespace,
            "resources": [os.path.relpath(overlay, folder)],
            "components": [
                os.path.relpath(K8S / "components" / name, folder)
                for name in dict.fromkeys(order.components)
                if name not in _components(overlay)
            ],
            "patches": changes,
            "transformers": [json.dumps(suffix)],
        }
        (folder / "kustomization.yaml").write_text(json.dumps(kustomization), encoding="utf-8")
        objects = list(yaml.safe_load_all(kubectl.ask("kustomize", made)))
    for each in objects:
        if each["kind"] in CLUSTER_WIDE:
            each["metadata"].pop("namespace", None)
    # What the workload needs is there before it; a TrainJob without its runtime is refused.
    return Run(tuple(sorted(objects, key=lambda each: each["kind"] in workload.KINDS)))


def _components(overlay: Path) -> set[str]:
    """Those that it has by itself."""
    kustomization = yaml.safe_load((overlay / "kustomization.yaml").read_text(encoding="utf-8"))
    return {Path(path).name for path in kustomization.get("components", [])}


def _noted(run: Run) -> Run:
    """The run's account has the list of its objects, for those who come back to it."""
    annotations = run.of_kind("ServiceAccount")["metadata"].setdefault("annotations", {})
    annotations[OBJECTS] = " ".join(run.own)
    return run


def _arguments(order: Order, overlays: list[str]) -> list[str]:
    """The trainer's arguments: the overlay's, then the user's, who wins."""
    if value_of("job_dir", order.training):
        raise RefusedError("--job_dir goes before the --, where TensorBoard gets it too")
    if value_of("flagfile", order.training):
        raise RefusedError("--flagfile names a file that pods do not have: give its flags instead")
    replaced = ["--job_dir="]
    chosen = [f"--job_dir={order.job_dir}"]
    if order.job_dir.startswith("gs://"):
        bucket = order.job_dir.removeprefix("gs://").split("/")[0]
        for name, folder in IN_BUCKET.items():
            if not value_of(name, order.training):
                replaced.append(f"--{name}=")
                chosen.append(f"--{name}=gs://{bucket}/{folder}")
    if "monitoring" in order.components and value_of("metrics_port", order.training):
        raise RefusedError("--metrics_port is set by the component monitoring: leave it out")
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
    checks.check_workers(config.runtime, workers)
    checks.check_replicas(config.recipe, workers * max(1, devices))
    claims = {each["name"] for each in overlay.pod["volumes"] if "persistentVolumeClaim" in each}
    mounts = overlay.container["volumeMounts"]
    volumes = [mount["mountPath"] for mount in mounts if mount["name"] in claims]
    for name in ("job_dir", "data_dir"):
        path = value_of(name, given)
        if not _outlives_its_pod(path, volumes):
            where = " or ".join(["gs://BUCKET/...", *(f"{volume}/..." for volume in volumes)])
            raise RefusedError(f"--{name}={path} would be lost with its pod: use {where}")


def _outlives_its_pod(path: str, volumes: list[str]) -> bool:
    inside = tuple(f"{volume}/" for volume in volumes)
    return path.startswith("gs://") or os.path.normpath(path).startswith(inside)
