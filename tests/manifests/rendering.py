"""Kustomize's renderings of k8s/, for the tests of manifests."""

from __future__ import annotations

import copy
import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.submission.command_line import K8S, folders
from scripts.submission.run_objects import PODS, Run

OVERLAYS = folders("overlays")
SEVERAL_MACHINES = [name for name in OVERLAYS if not name.startswith("gke-single")]
JOBS = [name for name in OVERLAYS if name == "local" or name.endswith("-job")]
JOB_SETS = [name for name in OVERLAYS if name not in JOBS]  # one by a TrainJob

DISRUPTED = {"onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}

Object = dict[str, Any]


def rendered(name: str) -> Run:
    """An overlay, as it stands."""
    return Run(copy.deepcopy(_overlay(name)))


def customised(name: str) -> Run:
    """An overlay with all components, its names changed, and a ConfigMap that its Jobs read."""
    return Run(copy.deepcopy(_customised(name)))


def of_kind(run: Run, kind: str) -> list[Object]:
    return [each for each in run.objects if each["kind"] == kind]


def evaluation(run: Run) -> Object:
    """The specification of the Jobs that evaluate."""
    job: Object = run.of_kind("CronJob")["spec"]["jobTemplate"]["spec"]
    return job


def pods(run: Run) -> list[Object]:
    """The specifications of all pods: trainers, then evaluation and TensorBoard."""
    others = (evaluation(run), run.of_kind("Deployment")["spec"])
    return [run.pod, *(each["template"]["spec"] for each in others)]


def on_exit(container: str, *codes: int) -> Object:
    """What a rule of a podFailurePolicy says of exit codes."""
    return {"onExitCodes": {"containerName": container, "operator": "In", "values": list(codes)}}


def is_headless(service: Object) -> bool:
    return service["spec"].get("clusterIP") == "None"


@functools.cache
def _overlay(name: str) -> tuple[Object, ...]:
    return _kustomize(K8S / "overlays" / name)


@functools.cache
def _customised(name: str) -> tuple[Object, ...]:
    volume = {"name": "notes", "configMap": {"name": "notes"}}
    components = ["kueue", "monitoring"]
    if name == "local":  # the others have it
        components.append("workload-identity")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        kustomization = {
            "namespace": "fashion-gan",
            "nameSuffix": "-other",
            "resources": [os.path.relpath(K8S / "overlays" / name, folder)],
            "components": [
                os.path.relpath(K8S / "components" / each, folder) for each in components
            ],
            "configMapGenerator": [{"name": "notes", "literals": ["a=b"]}],
            "patches": [
                {
                    "target": {"kind": kind},
                    "patch": json.dumps(
                        [{"op": "add", "path": f"{path}/template/spec/volumes/-", "value": volume}]
                    ),
                }
                for kind, path in (PODS | {"CronJob": "/spec/jobTemplate/spec"}).items()
            ],
        }
        (folder / "kustomization.yaml").write_text(json.dumps(kustomization))
        return _kustomize(folder)


def _kustomize(folder: Path) -> tuple[Object, ...]:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl, which renders the manifests")
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))
