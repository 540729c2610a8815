"""A cluster for the tests of scripts/submit: its kubectl renders, and keeps the rest in files."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from scripts.submission.kubectl import Object
from scripts.submission.run_objects import Run, reference

# objects/KIND/NAME holds an object, pods and workloads what a list of them says.
KUBECTL = """#!/bin/sh
set -eu
here=$(dirname "$0")
[ "$1" != kustomize ] || exec "$here/real-kubectl" "$@"
[ "$1" != config ] || { echo a-context; exit 0; }
echo "$*" >>"$here/calls"
[ ! -e "$here/down" ] || { echo "connection refused" >&2; exit 1; }
for word; do
  case "$word" in
    get | delete | apply) verb=$word ;;
    --*) ;;
    pods) cat "$here/pods" ;;
    workloads.kueue.x-k8s.io) cat "$here/workloads" ;;
    */*) case "${verb-}" in
      get) cat "$here/objects/$word" 2>/dev/null || true ;;
      delete) rm -f "$here/objects/$word" ;;
      esac ;;
  esac
done
[ "${verb-}" != apply ] || cat >"$here/applied"
"""


class Cluster:
    """What kubectl is told, and what it finds."""

    def __init__(self, folder: Path, kubectl: Path) -> None:
        self.folder = folder
        (folder / "real-kubectl").symlink_to(kubectl.resolve())
        (folder / "kubectl").write_text(KUBECTL)
        (folder / "kubectl").chmod(0o755)
        (folder / "objects").mkdir()
        self.has_pods()
        self.has_workloads()

    def applied(self) -> Run:
        """What was applied last."""
        return Run(tuple(yaml.safe_load_all((self.folder / "applied").read_text())))

    def calls(self) -> list[str]:
        """The command lines, without the namespace."""
        told = self.folder / "calls"
        lines = told.read_text().splitlines() if told.exists() else []
        return [line.partition(" ")[2] if line.startswith("--") else line for line in lines]

    def changes(self) -> list[str]:
        """Those that change something, or wait for something."""
        return [line for line in self.calls() if line.split()[0] not in ("get", "logs")]

    def has(self, name: str, found: Object) -> None:
        """Puts an object into it; `name` is its kind and name."""
        path = self.folder / "objects" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found))

    def read(self, name: str) -> str:
        """An object of it."""
        return (self.folder / "objects" / name).read_text()

    def lacks(self, name: str) -> None:
        """Takes an object out of it."""
        (self.folder / "objects" / name).unlink()

    def has_run(self, run: Run, condition: str | None = None, **spec: object) -> None:
        """All of a run, its workload in that condition and with that in its spec."""
        conditions = [] if condition is None else [{"type": condition, "status": "True"}]
        run.workload["status"] = {"conditions": conditions}
        run.workload["metadata"]["uid"] = "f00"
        run.workload["spec"] |= spec
        for each in run.objects:
            self.has(reference(each), each)
        (self.folder / "calls").unlink(missing_ok=True)

    def has_pods(self, *pods: Object) -> None:
        """Pods, whoever asks for which."""
        (self.folder / "pods").write_text(json.dumps({"items": pods}))

    def has_workloads(self, *names: str) -> None:
        """What Kueue made of Jobs, by name."""
        (self.folder / "workloads").write_text("".join(f"{name}\n" for name in names))

    def breaks_down(self) -> None:
        """Answers no more."""
        (self.folder / "down").touch()
