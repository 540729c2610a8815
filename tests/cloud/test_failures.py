"""Which failures of a bucket are tried again, as gcsfs and google-auth raise them."""

from __future__ import annotations

import itertools
import json

import pytest
from gcsfs.retry import HttpError
from google.auth.exceptions import RefreshError, TransportError

from trainer.cloud import failures
from trainer.system.exits import RefusedError


def raised(*errors: Exception) -> Exception:
    """The last of them, each caused by the one before."""
    for cause, error in itertools.pairwise(errors):
        error.__cause__ = cause
    return errors[-1]


def test_a_server_of_credentials_that_does_not_answer_is_asked_again():
    away = TransportError("the metadata server is away")
    refresh = RefreshError("no token", retryable=False)
    refused = HttpError({"code": 401, "message": "Unauthorized"})
    assert "is away" in failures.transient("x", raised(away, refresh, refused))


def test_credentials_that_are_refused_are_not():
    revoked = RefreshError("invalid_grant", retryable=False)
    with pytest.raises(RefusedError, match="the credentials do not work"):
        failures.transient("x", raised(revoked, HttpError({"code": 401, "message": "no"})))


def test_an_answer_that_is_no_json_is_asked_for_again():
    assert failures.transient("x", json.JSONDecodeError("a page of a proxy", "<html>", 0))
