"""gcsfs, connected to Google's storage with the default credentials, or to an emulator.

Its own retries are switched off: they have no time limit, and do not report why they retry.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from datetime import datetime
from typing import Any

from trainer.system.exits import RefusedError, first_line

log = logging.getLogger(__name__)

CREDENTIALS_PAUSE_SECONDS = 1.0


def connected(name: str, patience: float) -> Any:
    """The file system.

    Args:
      name: what it is for, as the user wrote it.
      patience: seconds, in a pod, for obtaining credentials.

    Raises:
      RefusedError: there are no credentials.
    """
    from google.auth.exceptions import GoogleAuthError

    # An emulator has no credentials; elsewhere, missing ones must not mean anonymous access.
    token = "anon" if os.environ.get("STORAGE_EMULATOR_HOST") else "google_default"
    started, warned = time.monotonic(), False
    while True:
        try:
            return _filesystem_class()(
                token=token,
                session_kwargs={"trust_env": True},
                use_listings_cache=False,
                skip_instance_cache=True,
            )
        except (GoogleAuthError, OSError, ValueError) as error:
            elapsed = time.monotonic() - started
            # In a new pod, the server that gives out credentials may not answer yet.
            if not _is_in_pod() or elapsed + CREDENTIALS_PAUSE_SECONDS > patience:
                raise RefusedError(
                    f"{name} needs credentials ({first_line(error)}): run "
                    "`gcloud auth application-default login`, or give the job's account access"
                ) from error
            if not warned:
                log.warning("%s: there are no credentials yet: trying again", name)
                warned = True
        time.sleep(CREDENTIALS_PAUSE_SECONDS)


def expire_token(filesystem: Any) -> None:
    """Makes the next request get another token: the storage may end one before its stated time.

    The old one stays until then, as requests of other threads are on their way with it.
    """
    held = filesystem.credentials.credentials
    if held is not None:  # an emulator has none
        held.expiry = datetime(1970, 1, 2)  # in UTC, without saying so, as google-auth has it


def _is_in_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ


@functools.cache
def _filesystem_class() -> Any:
    # If enabled, each call first requests the bucket's type over gRPC, which may take minutes.
    os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
    import gcsfs  # takes a second, which local runs should not pay

    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # failures are logged once, here

    class WithoutRetries(gcsfs.GCSFileSystem):
        """gcsfs without its retries."""

        _request = gcsfs.GCSFileSystem._request.__wrapped__

    return WithoutRetries
