"""Classifies the errors of requests: retry, refuse, or raise an error that the caller handles."""

from __future__ import annotations

import json
from collections.abc import Iterator

from trainer.system.exits import RefusedError, first_line


class Conflict(Exception):
    """An object is not in the expected version: another process has written it."""


class Vanished(Exception):
    """An object, or this version of it, does not exist."""


def transient(name: str, error: Exception, were_accepted: bool = False) -> str:
    """Describes an error after which a retry can help; raises another one for all others.

    Args:
      name: what the request was for, as the user wrote it.
      error: any error of gcsfs, aiohttp or google-auth.
      were_accepted: whether these credentials have been: then their token may be renewed.

    Raises:
      Conflict: the object exists in another version.
      Vanished: there is no such object, version or bucket.
      RefusedError: no permission, no valid credentials, or a request that the storage rejects.
    """
    import aiohttp
    from gcsfs.retry import ChecksumError, HttpError
    from google.auth.exceptions import GoogleAuthError, TransportError

    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, FileNotFoundError):
        raise Vanished(str(error)) from error
    if isinstance(error, FileExistsError):
        raise Conflict(str(error)) from error
    if isinstance(error, OSError) and str(error).startswith("Forbidden"):
        raise RefusedError(
            f"{name}: permission denied ({str(error).splitlines()[-1]}): give this account the "
            "role roles/storage.objectUser on the bucket, or name another"
        ) from error
    # gcsfs wraps it in its own 401, and google-auth what the server of credentials did not answer.
    of_credentials = [each for each in _with_causes(error) if isinstance(each, GoogleAuthError)]
    if of_credentials:
        for cause in of_credentials:
            if isinstance(cause, TransportError) or cause.retryable:
                return first_line(cause)
        raise RefusedError(
            f"{name}: the credentials do not work ({first_line(of_credentials[0])}): renew them"
        ) from error
    if isinstance(error, HttpError):
        code = int(error.code or 0)
        if code >= 500 or code in (408, 429) or (code == 401 and were_accepted):
            return f"HTTP {code}"
        what = "its credentials are not accepted" if code == 401 else "the storage rejects this"
        raise RefusedError(f"{name}: {what} ({first_line(error)})") from error
    if isinstance(error, (OSError, json.JSONDecodeError, ChecksumError, aiohttp.ClientError)):
        return first_line(error)
    if isinstance(error, ValueError):  # gcsfs raises it for some responses
        raise RefusedError(f"{name}: the storage rejects this ({first_line(error)})") from error
    raise error


def is_unauthorised(error: BaseException) -> bool:
    """Whether the storage has not accepted the token that it was shown."""
    from gcsfs.retry import HttpError

    return isinstance(error, HttpError) and int(error.code or 0) == 401


def is_without_access(error: BaseException | None) -> bool:
    """Whether a pod's server of credentials has answered that there are none for its account."""
    from google.auth.exceptions import TransportError

    answers = [each.args[1] for each in _with_causes(error) if _has_answer(each, TransportError)]
    return any(getattr(answer, "status", 0) in (400, 403, 404) for answer in answers)


def _has_answer(error: BaseException, kind: type[BaseException]) -> bool:
    return isinstance(error, kind) and len(error.args) > 1


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
