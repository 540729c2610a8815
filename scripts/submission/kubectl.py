"""kubectl, which speaks to the cluster."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import Any

from trainer.system.exits import RefusedError

Object = dict[str, Any]


class KubectlError(Exception):
    """kubectl failed; it has said why."""


def ask(*arguments: str, stdin: str | None = None) -> str:
    """Runs it and returns what it prints.

    Raises:
      RefusedError: there is none.
      KubectlError: it failed.
    """
    return _run(arguments, stdin, subprocess.PIPE)


def show(*arguments: str) -> None:
    """Runs it before the user's eyes: says what is run, and what it prints is printed.

    Raises:
      RefusedError: there is none.
      KubectlError: it failed.
    """
    print(f"+ {command(*arguments)}", file=sys.stderr, flush=True)
    _run(arguments, None, None)


def get(namespace: str, reference: str) -> Object | None:
    """An object, if it is there; `reference` is its kind and name.

    Raises:
      RefusedError: there is no kubectl.
      KubectlError: it failed.
    """
    found = ask(in_(namespace), "get", reference, "--ignore-not-found", "--output=json")
    return json.loads(found) if found.strip() else None


def context() -> str:
    """What kubectl calls the cluster that it speaks to; in a pod it has no name for its own.

    Raises:
      RefusedError: there is no kubectl.
    """
    try:
        return ask("config", "current-context").strip()
    except KubectlError:
        return "without a name"


def command(*arguments: str) -> str:
    """The command line that a user would type."""
    return shlex.join(("kubectl", *arguments))


def in_(namespace: str) -> str:
    """The flag that says where."""
    return f"--namespace={namespace}"


def _run(arguments: tuple[str, ...], stdin: str | None, stdout: int | None) -> str:
    try:
        done = subprocess.run(
            ["kubectl", *arguments], input=stdin, stdout=stdout, text=True, check=True
        )
    except FileNotFoundError as error:
        raise RefusedError("kubectl is not installed: it is needed to reach the cluster") from error
    except subprocess.CalledProcessError as error:
        raise KubectlError(
            f"`{command(*arguments)}` failed: see above; `kubectl cluster-info` shows whether it "
            "reaches a cluster"
        ) from error
    return done.stdout or ""
