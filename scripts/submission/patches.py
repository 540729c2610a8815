"""What is changed of an overlay to make it one run's, as JSON patches.

A merge would delete the containers of a JobSet.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from scripts.submission.kubectl import Object
from scripts.submission.order import Order
from scripts.submission.run_objects import PODS, Run
from trainer.configuration import flags
from trainer.distribution.cluster_spec import GPUS
from trainer.system.exits import RefusedError

IDENTITY = "iam.gke.io/gcp-service-account"
CONTAINER = "/template/spec/containers/0"


def trainers(overlay: Run, order: Order, arguments: list[str], workers: int) -> list[Object]:
    """Image, arguments, and how many there are."""
    job = PODS[overlay.described_by["kind"]]
    operations = [
        _put(f"{job}{CONTAINER}/image", order.image),
        _put(f"{job}{CONTAINER}/args", literal(arguments)),
    ]
    if overlay.is_indexed:
        place = [each["name"] for each in overlay.container["env"]].index("TF_WORKERS")
        operations += [
            _put(f"{job}/completions", workers),
            _put(f"{job}/parallelism", workers),
            _put(f"{job}{CONTAINER}/env/{place}/value", str(workers)),
        ]
        if "mlPolicy" in overlay.described_by["spec"]:
            operations.append(_put("/spec/mlPolicy/numNodes", workers))
    return operations


def gpus(overlay: Run, number: int) -> list[Object]:
    """That many in each pod."""
    operations: list[Object] = []
    container = f"{PODS[overlay.described_by['kind']]}{CONTAINER}"
    for side, resources in overlay.container["resources"].items():
        path = f"{container}/resources/{side}/nvidia.com~1gpu"
        if number:
            operations.append({"op": "add", "path": path, "value": str(number)})
        elif "nvidia.com/gpu" in resources:
            operations.append({"op": "remove", "path": path})
    if number:  # a trainer that sees fewer refuses to start
        promised = {"name": GPUS, "value": str(number)}
        operations.append({"op": "add", "path": f"{container}/env/-", "value": promised})
    return operations


def evaluation(cron_job: Object, order: Order, training: list[str]) -> list[Object]:
    """At the trainers' run and data."""
    container = f"/spec/jobTemplate/spec{CONTAINER}"
    pod = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    replaced = ("--job_dir=", "--data_dir=", "--cache_dir=")
    arguments = [
        *(each for each in pod["containers"][0]["args"] if not each.startswith(replaced)),
        f"--job_dir={order.job_dir}",
        f"--data_dir={value_of('data_dir', training)}",
    ]
    if cache_dir := value_of("cache_dir", training):
        arguments.append(f"--cache_dir={cache_dir}")
    flags.evaluate(arguments)
    return [
        _put(f"{container}/image", order.image),
        _put(f"{container}/args", literal(arguments)),
    ]


def tensorboard(deployment: Object, order: Order) -> list[Object]:
    """At the run's records."""
    container = f"/spec{CONTAINER}"
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    kept = [each for each in arguments if not each.startswith("--logdir=")]
    logdir = f"--logdir={order.job_dir.rstrip('/')}/tensorboard"
    return [
        _put(f"{container}/image", order.image),
        _put(f"{container}/args", literal([logdir, *kept])),
    ]


def identity(account: Object, order: Order) -> list[Object]:
    """Who the run is to Google, and to the image's registry.

    Raises:
      RefusedError: nothing would make it that account.
    """
    secret = [] if order.pull_secret is None else [_pulling(order.pull_secret)]
    if order.google_account is None:
        return secret
    if IDENTITY not in account["metadata"].get("annotations", {}):
        raise RefusedError("--google_account needs --components=workload-identity")
    path = f"/metadata/annotations/{IDENTITY.replace('/', '~1')}"
    return [_put(path, order.google_account), *secret]


def _pulling(secret: str) -> Object:
    return {"op": "add", "path": "/imagePullSecrets", "value": [{"name": secret}]}


def literal(arguments: Sequence[str]) -> list[str]:
    """Arguments that arrive as they are: Kubernetes replaces $(NAME), and makes $$ a $."""
    return [each.replace("$", "$$") for each in arguments]


def value_of(name: str, arguments: Sequence[str]) -> str:
    """What a flag was given last, in either form; nothing if it was not."""
    value = ""
    for argument, following in itertools.pairwise([*arguments, ""]):
        flag, equals, text = argument.partition("=")
        if flag in (f"--{name}", f"-{name}"):
            value = text if equals else following
    return value


def _put(path: str, value: object) -> Object:
    return {"op": "replace", "path": path, "value": value}
