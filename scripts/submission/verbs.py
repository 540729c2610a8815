"""What can be done with a run that was submitted; each says which kubectl command it runs."""

from __future__ import annotations

import contextlib
import json
import sys

from scripts.submission import kubectl, submitted, workload
from scripts.submission.command_line import DEFAULT_NAMESPACE, Parser, check_names
from scripts.submission.kubectl import Object, ask, get, in_, show
from scripts.submission.submitted import Submitted
from trainer.system.exits import RefusedError

INDEX = "batch.kubernetes.io/job-completion-index"


def carry_out(arguments: list[str]) -> None:
    """Does what the first of the arguments says.

    Raises:
      RefusedError: there is no such run, or it cannot be done with it.
      KubectlError: the cluster does not answer.
    """
    verb, *rest = arguments
    parser = Parser(
        prog=f"scripts/submit {verb}", description=VERBS[verb].__doc__, allow_abbrev=False
    )
    parser.add_argument("name", help="of the run")
    parser.add_argument("--namespace", default=DEFAULT_NAMESPACE)
    given = parser.parse_args(rest)
    check_names(given.name, given.namespace)
    VERBS[verb](submitted.find(given.namespace, given.name))


def _status(run: Submitted) -> None:
    """Shows the run's state, its objects and its pods."""
    print(_state(run, get(run.namespace, run.workload)), flush=True)
    shown = [run.workload, *run.evaluations]
    show(in_(run.namespace), "get", *shown, "--ignore-not-found")
    by_age = "--sort-by=.metadata.creationTimestamp"
    show(in_(run.namespace), "get", "pods", workload.pods(run.workload), by_age)


def _logs(run: Submitted) -> None:
    """Follows the log of the run's chief, from its last start."""
    pods = ask(in_(run.namespace), "get", "pods", workload.pods(run.workload), "--output=json")
    chiefs = [
        each["metadata"]
        for each in json.loads(pods)["items"]
        # A single worker has no index.
        if each["metadata"].get("labels", {}).get(INDEX, "0") == "0"
    ]
    if not chiefs:
        state = _state(run, get(run.namespace, run.workload))
        raise RefusedError(f"there is no pod, so there is no log: {state}")
    newest = max(chiefs, key=lambda each: str(each["creationTimestamp"]))
    with contextlib.suppress(KeyboardInterrupt):
        show(in_(run.namespace), "logs", "--follow", "--tail=-1", f"pod/{newest['name']}")


def _stop(run: Submitted) -> None:
    """Has the run save and stop, and its evaluations with it, until it is resumed."""
    found = get(run.namespace, run.workload)
    if found is None or workload.has_ended(found):
        _say(_state(run, found))
    else:
        _suspend(run, found, True)
    _suspend_evaluations(run, True)


def _resume(run: Submitted) -> None:
    """Has a stopped run continue from its last checkpoint, as it was submitted."""
    found = get(run.namespace, run.workload)
    if found is None or workload.has_ended(found):
        raise RefusedError(f"{_state(run, found)}: submit it again to continue")
    _suspend(run, found, False)
    _suspend_evaluations(run, False)


def _delete(run: Submitted) -> None:
    """Removes everything of the run's own in the cluster, once it has saved; --job_dir stays."""
    _say(f"cluster: {kubectl.context()}")
    show(in_(run.namespace), "delete", run.workload, "--ignore-not-found")
    show(in_(run.namespace), *workload.until_no_pods(run.workload))
    # The account keeps the list of the others: it goes last, should one of these fail.
    account = submitted.account_of(run.name)
    others = [each for each in run.objects if each not in (run.workload, account)]
    show(in_(run.namespace), "delete", *others, "--ignore-not-found")
    show(in_(run.namespace), "delete", account, "--ignore-not-found")


def _suspend(run: Submitted, found: Object, suspended: bool) -> None:
    if not workload.is_queued(found):
        _patch(run, run.workload, {"suspend": suspended})
        return
    queued = workload.queued_as(run.namespace, found)
    if queued is None:
        raise RefusedError(f"Kueue has not picked up {run.workload} yet: try again in a moment")
    name = f"workloads.kueue.x-k8s.io/{queued['metadata']['name']}"
    _patch(run, name, {"active": not suspended})


def _suspend_evaluations(run: Submitted, suspended: bool) -> None:
    for each in run.evaluations:
        if get(run.namespace, each) is not None:
            _patch(run, each, {"suspend": suspended})


def _patch(run: Submitted, reference: str, spec: Object) -> None:
    patch = json.dumps({"spec": spec}, separators=(",", ":"))
    show(in_(run.namespace), "patch", reference, "--type=merge", f"--patch={patch}")


def _state(run: Submitted, found: Object | None) -> str:
    return f"{run.workload} {workload.state(run.namespace, found)}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)


VERBS = {
    "status": _status,
    "logs": _logs,
    "stop": _stop,
    "resume": _resume,
    "delete": _delete,
}
