"""The command line of scripts/submit, checked: what Kubernetes would refuse, or what would harm."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import NoReturn

from scripts.submission.order import Order
from trainer.system.exits import RefusedError

K8S = Path(__file__).resolve().parents[2] / "k8s"
DEFAULT_NAMESPACE = "fashion-gan"
MOST_LETTERS = 30  # of a name: pods add up to 33 to it, and a host name has 63
MOST_WORKERS = 999
RENAMED = {"jobset-multi-spot": "gke-multi-spot"}  # overlays

# An image as container engines read it: [host[:port]/]path[:tag][@digest].
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"({_LABEL}(\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(:[0-9]+)?"
_PART = r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*"
_TAG = r":(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})"
_DIGEST = r"@(?P<digest>sha256:[0-9a-f]{64})"
_IMAGE = re.compile(rf"(?P<path>({_HOST}/)?{_PART}(/{_PART})*)({_TAG})?({_DIGEST})?")
_ACCOUNT = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?@[a-z0-9.:-]+\.gserviceaccount\.com")
_SECRET = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


class Parser(argparse.ArgumentParser):
    """Refuses instead of exiting."""

    def error(self, message: str) -> NoReturn:
        """Raises a RefusedError."""
        raise RefusedError(message)


def order(arguments: list[str], description: str) -> tuple[Order, bool]:
    """What is asked for, and whether only to print it.

    Raises:
      RefusedError: Kubernetes would refuse it, or it would harm.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    given = _parser(description).parse_args(arguments[:end])
    asked = Order(
        overlay=given.overlay,
        components=tuple(name for name in given.components.split(",") if name),
        name=given.name,
        namespace=given.namespace,
        image=given.image,
        job_dir=given.job_dir,
        workers=given.workers,
        gpus=given.gpus,
        google_account=given.google_account,
        pull_secret=given.pull_secret,
        training=tuple(arguments[end + 1 :]),
    )
    _check(asked)
    return asked, given.dry_run


def folders(kind: str) -> list[str]:
    """The overlays or components that there are."""
    return sorted(path.parent.name for path in (K8S / kind).glob("*/kustomization.yaml"))


def check_names(name: str, namespace: str) -> None:
    """Of a run, and of where it is.

    Raises:
      RefusedError: one cannot be.
    """
    if not _NAME.fullmatch(name) or len(name) > MOST_LETTERS:
        raise RefusedError(
            f"--name={name} must be lower-case letters, digits and dashes, at most {MOST_LETTERS}"
        )
    if not _NAME.fullmatch(namespace) or len(namespace) > 63:
        raise RefusedError(f"--namespace={namespace} cannot be a namespace's name")


def _parser(description: str) -> Parser:
    parser = Parser(
        prog="scripts/submit",
        usage="%(prog)s --overlay=.. --name=.. --image=.. --job_dir=.. [-- TRAINING FLAGS]\n"
        "       %(prog)s status|logs|stop|resume|delete NAME [--namespace=..]",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--overlay", required=True, help=", ".join(folders("overlays")))
    text = f"lower-case letters, digits and dashes, at most {MOST_LETTERS}"
    add("--name", required=True, help=text)
    add("--image", required=True, help="with a tag or digest")
    add("--job_dir", required=True, help="gs://..., or a folder of the overlay's volume")
    add("--workers", type=_number, help="pods; default: the overlay's")
    add("--gpus", type=_number, help="of each pod; default: the overlay's")
    text = f'made if needed, with Pod Security "restricted" enforced; default: {DEFAULT_NAMESPACE}'
    add("--namespace", default=DEFAULT_NAMESPACE, help=text)
    known = ", ".join(folders("components"))
    add("--components", default="", help=f"beyond the overlay's own, separated by commas: {known}")
    text = "NAME@PROJECT.iam.gserviceaccount.com, for pods with the component workload-identity"
    add("--google_account", help=text)
    add("--pull_secret", help="a Secret of the namespace, for an image in a private registry")
    add("--dry_run", action="store_true", help="print the objects, apply nothing")
    return parser


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else -1


def _check(asked: Order) -> None:
    check_names(asked.name, asked.namespace)
    if asked.namespace == "default" or asked.namespace.startswith("kube-"):
        raise RefusedError(
            f"--namespace={asked.namespace} would be subject to Pod Security: choose another"
        )
    _check_overlay(asked)
    _check_image(asked.image)
    if asked.workers is not None and not 1 <= asked.workers <= MOST_WORKERS:
        raise RefusedError(f"--workers must be a number from 1 to {MOST_WORKERS}")
    if asked.gpus is not None and asked.gpus < 0:
        raise RefusedError("--gpus must be a number")
    if asked.google_account is not None and not _ACCOUNT.fullmatch(asked.google_account):
        raise RefusedError(
            f"--google_account={asked.google_account} must be like "
            "NAME@PROJECT.iam.gserviceaccount.com"
        )
    if asked.pull_secret is not None and not _SECRET.fullmatch(asked.pull_secret):
        raise RefusedError(f"--pull_secret={asked.pull_secret} cannot be a Secret's name")


def _check_overlay(asked: Order) -> None:
    if asked.overlay in RENAMED:
        raise RefusedError(f"--overlay={asked.overlay} is now called {RENAMED[asked.overlay]}")
    known = folders("overlays")
    if asked.overlay not in known:
        raise RefusedError(f"--overlay={asked.overlay} is unknown: there are {', '.join(known)}")
    known = folders("components")
    unknown = sorted(set(asked.components) - set(known))
    if unknown:
        raise RefusedError(f"--components has {unknown[0]!r}: there are {', '.join(known)}")


def _check_image(image: str) -> None:
    parsed = _IMAGE.fullmatch(image)
    if parsed is None or len(parsed["path"]) > 255:
        raise RefusedError(f"--image={image} is not an image's name, like host/path/name:tag")
    if parsed["tag"] is None and parsed["digest"] is None:
        raise RefusedError(f"--image={image} needs a tag or a digest")
    if parsed["tag"] == "latest" and parsed["digest"] is None:
        raise RefusedError(f"--image={image} may be another image after a restart: pin it")
