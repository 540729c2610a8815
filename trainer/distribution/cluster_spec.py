"""Which worker of a cluster this process is, from TF_CONFIG or an Indexed Job's environment."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.system.exits import RefusedError

# What a Job's manifest sets, beside the index that Kubernetes gives to each of its pods.
JOB_VARIABLES = ("JOB_NAME", "TF_SUBDOMAIN", "TF_PORT", "TF_WORKERS")
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
GPUS = "FASHION_GAN_GPUS"  # how many this machine was given, as who submits a run says
_HOST = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.%\w]+\]")  # a name, or an address
_HINT = "set TF_CONFIG, or JOB_COMPLETION_INDEX with JOB_NAME, TF_SUBDOMAIN, TF_PORT, TF_WORKERS"


@dataclass(frozen=True)
class Worker:
    """One of the workers of a cluster."""

    index: int
    addresses: tuple[str, ...]  # host:port of each worker; the first is the chief's

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the run directory."""
        return self.index == 0

    def tf_config(self) -> str:
        """TF_CONFIG as TensorFlow reads it."""
        task = {"type": "worker", "index": self.index}
        return json.dumps({"cluster": {"worker": self.addresses}, "task": task})


ONLY_WORKER = Worker(0, ("localhost:0",))


def this_worker(strategy: str, environ: Mapping[str, str]) -> Worker:
    """The worker that this process is.

    Args:
      strategy: the flag: `auto` joins a cluster where the environment describes one.
      environ: TF_CONFIG, or what an Indexed Job gives to its pods.

    Raises:
      RefusedError: the environment describes no cluster, or a wrong one, or one that the
        strategy does not use.
    """
    if environ.get("TF_CONFIG"):
        worker = _from_tf_config(environ["TF_CONFIG"])
    elif environ.get("TF_WORKERS"):
        worker = _from_job(environ)
    elif strategy == "multi_worker":
        raise RefusedError(f"--strategy=multi_worker finds no cluster: {_HINT}")
    else:
        return ONLY_WORKER
    if strategy not in ("auto", "multi_worker") and len(worker.addresses) > 1:
        raise RefusedError(
            f"--strategy={strategy} uses one machine, but the environment (TF_CONFIG or "
            f"TF_WORKERS) describes {len(worker.addresses)} workers: use multi_worker"
        )
    return worker


def _from_tf_config(text: str) -> Worker:
    try:
        parsed = json.loads(text)
        cluster: dict[str, Any] = parsed["cluster"]
        kind, index = parsed["task"]["type"], int(parsed["task"]["index"])
        chiefs, workers = list(cluster.get("chief", [])), list(cluster.get("worker", []))
        if kind not in ("chief", "worker") or set(cluster) - {"chief", "worker"}:
            raise ValueError("tasks must be of type chief or worker")
        if not 0 <= index < len(chiefs if kind == "chief" else workers):
            raise ValueError(f"there is no {kind} {index}")
        place = index + (len(chiefs) if kind == "worker" else 0)
        return _checked(place, [*chiefs, *workers])
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise RefusedError(
            f"TF_CONFIG does not describe this worker ({type(error).__name__}: {error}); it must "
            'be like {"cluster": {"worker": ["host:port", ...]}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from error


def _from_job(environ: Mapping[str, str]) -> Worker:
    missing = [name for name in (*JOB_VARIABLES, INDEX_VARIABLE) if not environ.get(name)]
    if missing:
        raise RefusedError(f"TF_WORKERS is set without {', '.join(missing)}: {_HINT}")
    job, subdomain, port, workers = (environ[name] for name in JOB_VARIABLES)
    try:
        addresses = [f"{job}-{index}.{subdomain}:{int(port)}" for index in range(int(workers))]
        return _checked(int(environ[INDEX_VARIABLE]), addresses)
    except ValueError as error:
        raise RefusedError(
            f"the Job's environment describes no worker ({error}): {_HINT}"
        ) from error


def _checked(index: int, addresses: list[str]) -> Worker:
    for address in addresses:
        host, _, port = str(address).rpartition(":")
        if not _HOST.fullmatch(host) or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise ValueError(f"{address!r} is not host:port")
    if len(set(addresses)) < len(addresses):
        raise ValueError("two workers have the same address")
    if not 0 <= index < len(addresses):
        raise ValueError(f"there is no worker {index} among {len(addresses)}")
    return Worker(index, tuple(addresses))
