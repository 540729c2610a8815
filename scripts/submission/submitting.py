"""A run is submitted: way is made for it, it is applied, and what can be done next is said."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import yaml

from scripts.submission import kubectl, submitted, workload
from scripts.submission.command_line import DEFAULT_NAMESPACE, folders
from scripts.submission.kubectl import KubectlError, ask, in_
from scripts.submission.order import Order
from scripts.submission.patches import IDENTITY
from scripts.submission.render import render
from scripts.submission.run_objects import Run, reference
from trainer.system.exits import RefusedError

PLACEHOLDER = "@your-project."


def submit(order: Order, dry_run: bool) -> None:
    """Applies what is ordered, or prints it.

    Raises:
      RefusedError: the order cannot be fulfilled, or the run has not ended.
      KubectlError: the cluster does not answer, or refuses.
    """
    run = render(order)
    if dry_run:
        print(yaml.safe_dump_all(run.objects, sort_keys=False), end="")
    else:
        where = kubectl.context()
        _make_way(run, order)
        print(f"cluster: {where}", file=sys.stderr)
        is_theirs = _is_of_others(order.namespace)
        kept = [each for each in run.objects if not (is_theirs and each["kind"] == "Namespace")]
        objects = yaml.safe_dump_all(kept, sort_keys=False)
        print(ask("apply", "--filename=-", stdin=objects), end="", file=sys.stderr)
    _say_what_next(run, order, dry_run)


def _is_of_others(namespace: str) -> bool:
    """Whether the namespace was there before us: its labels are its administrator's."""
    try:
        found = ask("get", f"namespace/{namespace}", "--ignore-not-found", "--output=json")
    except KubectlError:  # who may not look at namespaces may not change them either
        return True
    if not found.strip():
        return False
    labels = json.loads(found)["metadata"].get("labels", {})
    return labels.get("app.kubernetes.io/name") != "fashion-gan"


def _make_way(run: Run, order: Order) -> None:
    """Removes what the run was before: Jobs cannot be changed, only made anew.

    Raises:
      RefusedError: it has not ended.
    """
    before = submitted.look_up(order.namespace, order.name)
    ours = reference(run.workload)
    # Without a list it may have been submitted by an earlier version: as a Job, or as now.
    theirs = f"job/fashion-gan-{order.name}" if before is None else before.workload
    for each in dict.fromkeys([theirs, ours]):
        _remove_ended(each, order)
    left = [] if before is None else [each for each in before.objects if each not in run.own]
    if left:
        ask(in_(order.namespace), "delete", *left, "--ignore-not-found")


def _remove_ended(each: str, order: Order) -> None:
    try:
        found = kubectl.get(order.namespace, each)
    except KubectlError as error:
        raise KubectlError(f"{error}{_way_out(each, order)}") from error
    if found is not None:
        stopped = workload.is_stopped(order.namespace, found)
        if not (workload.has_ended(found) or stopped):
            raise RefusedError(
                f"{each} exists and has not ended: stop it "
                f"({_ours('stop', order)}), or choose another --name"
            )
        ask(in_(order.namespace), "delete", each, "--ignore-not-found")
    # Pods that are still saving hold the run directory that the next ones take over.
    ask(in_(order.namespace), *workload.until_no_pods(each))


def _way_out(each: str, order: Order) -> str:
    """For a cluster that does not know what a run is made of."""
    plain = f"{order.overlay.removesuffix('-trainjob')}-job"
    if each.startswith("job/") or plain not in folders("overlays"):
        return ""
    return f" (for a cluster without {each.partition('/')[0]}s, use --overlay={plain})"


def _say_what_next(run: Run, order: Order, dry_run: bool) -> None:
    there = kubectl.command(in_(order.namespace))
    board = run.of_kind("Deployment")["metadata"]["name"]
    lines = [
        f"{reference(run.workload)} {'would be submitted' if dry_run else 'is submitted'}",
        f"  state:        {_ours('status', order)}",
        f"  log:          {_ours('logs', order)}",
        f"  TensorBoard:  {there} port-forward service/{board} 6006",
        *_of_evaluations(run, there),
        f"  stop:         {_ours('stop', order)}",
        "                (it saves what it has)",
        f"  resume:       {_ours('resume', order)}",
        f"  remove:       {_ours('delete', order)}",
        "                (--job_dir stays)",
    ]
    account = run.of_kind("ServiceAccount")["metadata"].get("annotations", {})
    if PLACEHOLDER in account.get(IDENTITY, ""):
        lines.append("no account may use its bucket yet: name one with --google_account")
    print("\n".join(lines), file=sys.stderr)


def _of_evaluations(run: Run, there: str) -> Iterator[str]:
    """How to see them, if the run has any."""
    for each in run.objects:
        if each["kind"] == "CronJob":
            pods = f"--selector=app.kubernetes.io/instance={each['metadata']['name']}"
            yield f"  evaluations:  {there} logs --prefix --tail=-1 {pods}"


def _ours(verb: str, order: Order) -> str:
    where = "" if order.namespace == DEFAULT_NAMESPACE else f" {in_(order.namespace)}"
    return f"scripts/submit {verb} {order.name}{where}"
